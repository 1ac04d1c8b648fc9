import type { DesiredDomainPattern, DesiredHost, MoveOptions } from "../model/desired.js";
import type { Diagnostic } from "../model/diagnostic.js";
import type { SourceRange } from "../model/source.js";

/** `move` as it stands on a play or on a guest, with the places of what it says. */
interface Level {
  readonly said: MoveOptions;
  readonly place: (key: "finish" | "window") => SourceRange;
}

/**
 * A window is of use with `finish: window` only, and that needs one. Which of them a guest has is known once all entries
 * that mean it are merged: the one may stand on the play, and the other on the guest.
 * @param move of the guest, merged
 * @param entries that mean it
 */
export function unpairedOf(move: MoveOptions, entries: readonly DesiredDomainPattern[]): readonly Diagnostic[] {
  const levels = levelsOf(entries);
  if (move.finish === "window") return move.window === undefined ? levels.flatMap(withoutWindow) : [];
  // one that has its `finish` beside it was overruled by something nearer
  return move.window === undefined ? [] : levels.filter(({ said }) => said.finish !== "window").flatMap((level) => unused(level, move));
}

/** The same as far as it can be said without any guest: nothing that is asked of the host has the other of the two. */
export function unpairedOn({ domains }: DesiredHost): readonly Diagnostic[] {
  const levels = levelsOf(domains);
  const windows = levels.filter(({ said }) => said.window !== undefined);
  const finishes = levels.filter(({ said }) => said.finish === "window");
  if (windows.length === 0) return finishes.flatMap(withoutWindow);
  return finishes.length === 0 ? windows.flatMap((level) => unused(level, level.said)) : [];
}

function levelsOf(entries: readonly DesiredDomainPattern[]): readonly Level[] {
  return entries.flatMap((entry): Level[] => {
    const place = (prefix: string) => (key: string): SourceRange => entry.keyAt[`${prefix}move.${key}`] ?? entry.at;
    return [{ said: entry.playMove, place: place("play.") }, { said: entry.move, place: place("") }];
  });
}

function withoutWindow({ said, place }: Level): readonly Diagnostic[] {
  if (said.finish !== "window") return [];
  return [{
    severity: "error", code: "missing-key", at: place("finish"),
    summary: "'finish' waits for a window, and none is given", fix: "Add window: 02:00-05:00",
  }];
}

function unused({ said, place }: Level, { finish }: MoveOptions): readonly Diagnostic[] {
  if (said.window === undefined) return [];
  return [{
    severity: "error", code: "window-unused", at: place("window"),
    summary: `'window' is for a guest whose 'finish' is window, and it is ${finish ?? "not given"}`,
    fix: "Add finish: window, or take the window out",
  }];
}
