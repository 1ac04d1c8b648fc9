import { distance } from "fastest-levenshtein";

/**
 * The candidate that was most likely meant.
 * @param most how many slips there may be at most, however long the word is
 * @returns undefined where none is near: a wrong guess is worse than none
 */
export function nearest(word: string, candidates: Iterable<string>, most = Infinity): string | undefined {
  const limit = Math.min(most, Math.max(1, Math.floor(word.length / 3)));
  let best: string | undefined;
  let bestDistance = Infinity;
  for (const candidate of candidates) {
    const d = candidate.toLowerCase() === word.toLowerCase() ? 0 : swapped(word, candidate) ? 1 : distance(word, candidate);
    if (d < bestDistance && d <= limit && d < Math.max(word.length, candidate.length)) {
      best = candidate;
      bestDistance = d;
    }
  }
  return best;
}

/** Two letters have changed places: one slip, though two edits. */
function swapped(a: string, b: string): boolean {
  return a.length === b.length && distance(a, b) === 2 && sorted(a) === sorted(b);
}

function sorted(word: string): string {
  return Array.from(word).sort().join("");
}

/** `did you mean 'filesystem'?`, or nothing. */
export function didYouMean(word: string, candidates: Iterable<string>): string | undefined {
  const best = nearest(word, candidates);
  return best === undefined ? undefined : `did you mean '${best}'?`;
}

/** `rsync, auto or dm` */
export function orList(words: readonly string[]): string {
  if (words.length < 2) return words.join("");
  return `${words.slice(0, -1).join(", ")} or ${words[words.length - 1] ?? ""}`;
}
