"""The errors of the product; the type says whose fault it is."""


class LookalikeError(Exception):
    """An error whose text is one clear sentence for a person: what, where, what was expected, what to do."""


class BadContentError(LookalikeError):
    """What was read is wrong: trying again gives the same answer."""


class MessageError(BadContentError):
    """A message on the bus is not one that this version understands."""


class ConfigurationError(BadContentError):
    """A setting has a value outside its range, or a name that is not known."""


class FormatError(BadContentError):
    """A manifest, segment or rows file is damaged, or of a format that this version does not know."""


class ModelMismatchError(BadContentError):
    """Embeddings of one model were brought to an index of another."""


class UnavailableError(LookalikeError):
    """Something of the outside world (camera, bus, disk, network) could not be had now; it may come back."""


class NotThereError(UnavailableError):
    """What was asked for does not exist at the place, or may not be read: S3 answers alike to both (403)."""


class UntrustedError(FormatError):
    """What a publisher's place offers is not signed as it must be: it is refused, and the index stays as it is."""


class StaleError(UntrustedError):
    """The signatures were right once but have expired: no update until the publisher signs again."""
