import { Session } from "node:inspector/promises";
import { fileURLToPath } from "node:url";

/** What part of the time one room of the code took. */
export interface Share {
  /** A folder of src/core, a package, or what the engine itself does (`garbage collection`). */
  readonly room: string;
  /** Between 0 and 1. */
  readonly share: number;
}

/**
 * Where the time goes while something is done: samples of V8's profiler, each counted for the room whose function
 * was running. The profiler costs time itself, so what is timed is not done under it.
 * @param work what to look at; what belongs to no room (the benchmark itself) is left out
 * @returns rooms that took at least a hundredth, the largest first
 */
export async function sharesOf(work: () => void): Promise<readonly Share[]> {
  const session = new Session();
  session.connect();
  await session.post("Profiler.enable");
  await session.post("Profiler.setSamplingInterval", { interval: 200 });
  await session.post("Profiler.start");
  work();
  const { profile } = await session.post("Profiler.stop");
  session.disconnect();

  const rooms = new Map(profile.nodes.map(({ id, callFrame }) => [id, roomOf(callFrame)]));
  const micros = new Map<string, number>();
  let all = 0;
  profile.samples?.forEach((id, i) => {
    const room = rooms.get(id);
    const time = profile.timeDeltas?.[i] ?? 0;
    if (room === undefined) return;
    all += time;
    micros.set(room, (micros.get(room) ?? 0) + time);
  });
  return [...micros]
    .map(([room, time]) => ({ room, share: time / all }))
    .filter(({ share }) => share >= 0.01)
    .sort((a, b) => b.share - a.share);
}

function roomOf({ url, functionName }: { readonly url: string; readonly functionName: string }): string | undefined {
  if (functionName === "(garbage collector)") return "garbage collection";
  if (url.startsWith("node:")) return "node";
  if (!url.startsWith("file:")) return undefined;
  const path = fileURLToPath(url);
  return (/\/src\/core\/([^/]+)\//.exec(path) ?? /\/node_modules\/([^/]+)\//.exec(path))?.[1];
}
