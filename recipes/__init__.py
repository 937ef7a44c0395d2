"""Makes what Greengrass deploys out of the recipes beside this file: ``python -m recipes build``."""
