import type { Content, EndMark, Image } from "./storage.js";

const WORDS: Readonly<Record<EndMark["kind"], string>> = { md: "an array (md)", drbd: "a DRBD resource" };

/** What the end of an image says that its content lies in. */
export function endInWords({ kind }: EndMark): string {
  return WORDS[kind];
}

/**
 * Why what is on a disk is not made anew or copied without the disk's end: the guest finds its array or its resource by what stands
 * there, and without that it has neither, nor what it knows by their names.
 */
export function againstEnd({ ends = [] }: Image): readonly string[] {
  return ends.map((mark) => `by its end it is a part of ${endInWords(mark)} of the guest's own, and without that the guest would not find it`);
}

/**
 * Which of the marks at the end of a disk are the disk's own: not one that its content reaches over, which is a file's data as a rule; and
 * none where it has partitions, as they are of the last one then, whose end stays where it is.
 */
export function endsOf(content: Content, marks: readonly EndMark[]): readonly EndMark[] {
  if (content.type === "partitions") return [];
  return marks.filter(({ at }) => !("bytes" in content) || content.bytes <= at);
}
