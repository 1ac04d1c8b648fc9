import type { Diagnostic } from "../model/diagnostic.js";
import type { SourceText } from "../model/source.js";
import type { TextEdit } from "../xl/text-edit.js";
import { makeEdits } from "../xl/text-edit.js";

/** What mends one file. */
export interface Mend {
  readonly source: SourceText;
  readonly edits: readonly TextEdit[];
}

/**
 * The edits that findings bring along, by file. Of two that overlap the first is taken: the next lint tells the other
 * again.
 * @param sources texts as they were read, by file: a finding's own may be masked
 */
export function mendsOf(findings: readonly Diagnostic[], sources: ReadonlyMap<string, SourceText>): Mend[] {
  const byFile = new Map<string, { start: number; end: number; text: string }[]>();
  for (const { at, edits } of findings) {
    if (at === undefined || edits === undefined) continue;
    const taken = byFile.get(at.source.file) ?? [];
    const isFree = edits.every((edit) => taken.every((other) => edit.end <= other.start || edit.start >= other.end));
    if (isFree) byFile.set(at.source.file, [...taken, ...edits]);
  }
  return [...byFile].flatMap(([file, replacements]) => {
    const source = sources.get(file);
    return source === undefined ? [] : [{ source, edits: makeEdits(source.text, replacements) }];
  });
}
