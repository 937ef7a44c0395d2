// The device's events. A connection that is lost or silent is made again, for ever.

const SILENT_MS = 12000;
const PAUSES_MS = [300, 700, 1500, 3000];

export function listen(handlers, onLink) {
  let source = null,
    watchdog = 0,
    failures = 0;

  function heard() {
    failures = 0;
    onLink(true);
    clearTimeout(watchdog);
    watchdog = setTimeout(lost, SILENT_MS);
  }

  function lost() {
    source?.close();
    source = null;
    clearTimeout(watchdog);
    onLink(false);
    setTimeout(open, PAUSES_MS[Math.min(failures++, PAUSES_MS.length - 1)]);
  }

  function open() {
    const opened = (source = new EventSource("/api/v1/events"));
    watchdog = setTimeout(lost, SILENT_MS);
    opened.onerror = () => {
      if (opened === source) lost();
    };
    for (const [name, handler] of Object.entries(handlers)) {
      opened.addEventListener(name, (event) => {
        if (opened !== source) return;
        heard();
        handler(JSON.parse(event.data));
      });
    }
  }

  open();
}
