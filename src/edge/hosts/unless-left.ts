/**
 * What a promise brings, or that nobody wants to wait for it any more. A host that hangs is not waited for after that, whatever
 * becomes of the command there.
 */
export async function unlessLeft<T>(work: Promise<T>, leave: AbortSignal): Promise<T | "left"> {
  const over = new AbortController();
  const left = new Promise<"left">((resolve) => {
    leave.addEventListener("abort", () => { resolve("left"); }, { signal: over.signal });
    if (leave.aborted) resolve("left");
  });
  try {
    return await Promise.race([left, work]);
  } finally {
    over.abort();
  }
}
