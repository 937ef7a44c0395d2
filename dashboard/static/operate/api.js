// The device's API: what was answered, or an error with the code of why not.

export class Refusal extends Error {
  constructor(error) {
    super(error.message);
    this.code = error.code;
    this.guidance = error.guidance ?? "";
  }
}

export async function call(method, path, fields) {
  const request = { method, cache: "no-store" };
  if (fields !== undefined) {
    request.headers = { "Content-Type": "application/json" };
    request.body = JSON.stringify(fields);
  }
  let answer;
  try {
    const response = await fetch(path, { ...request, signal: AbortSignal.timeout(12000) });
    answer = await response.json();
    if (response.ok) return answer;
  } catch (error) {
    throw new Refusal({ code: "timeout", message: String(error) });
  }
  throw new Refusal(answer.error);
}

export const address = (item) => `/api/v1/items/${encodeURIComponent(item.item_id)}`;
