// The camera's picture, drawn when it is whole: no flicker, no element that is swapped. Only while the page is seen.

const PAUSE_MS = 130;
const PAUSE_WITHOUT_MS = 700;
const TIMEOUT_MS = 2500;

export function showPreview(canvas, onCamera) {
  const context = canvas.getContext("2d", { alpha: false });

  async function draw() {
    const response = await fetch("/api/v1/preview.jpg", { cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MS) });
    if (!response.ok) return false;
    const picture = await createImageBitmap(await response.blob());
    if (canvas.width !== picture.width || canvas.height !== picture.height) {
      canvas.width = picture.width;
      canvas.height = picture.height;
      canvas.parentElement.style.setProperty("--ratio", picture.width / picture.height);
    }
    context.drawImage(picture, 0, 0);
    picture.close();
    return true;
  }

  async function run() {
    for (;;) {
      if (document.hidden)
        await new Promise((seen) => document.addEventListener("visibilitychange", seen, { once: true }));
      const began = performance.now();
      const there = await draw().catch(() => false);
      onCamera(there);
      const pause = there ? Math.max(20, PAUSE_MS - (performance.now() - began)) : PAUSE_WITHOUT_MS;
      await new Promise((done) => setTimeout(done, pause));
    }
  }

  run();
}
