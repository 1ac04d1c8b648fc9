/**
 * The parts of a measurement that a word of the command line means: that one, or all where there is no word.
 * @returns what to say, where there is no such part: a misspelled one is not measured in silence
 */
export function partsMeant(word: string | undefined, parts: readonly string[]): readonly string[] | string {
  if (word === undefined) return parts;
  return parts.includes(word) ? [word] : `there is no part '${word}': there are ${parts.join(", ")}`;
}
