import { shownWord } from "./visible.js";
import { wrapText } from "./wrap-text.js";

/** Columns that a text takes, by code points; wide characters are rare in what is shown here. */
export function columns(text: string): number {
  return Array.from(text).length;
}

/** A wrapped text under a first prefix; further lines are indented to where the text began. */
export function hanging(prefix: string, text: string, width: number): readonly string[] {
  const indent = " ".repeat(columns(prefix));
  return wrapText(text, Math.max(width - columns(prefix), 20)).map((line, i) => `${i === 0 ? prefix : indent}${line}`);
}

/** A wrapped text as comments of a shell: every line of it, so that what stands around it can be pasted with it. */
export function commented(indent: string, text: string, width: number): readonly string[] {
  const prefix = `${indent}# `;
  return wrapText(text, Math.max(width - columns(prefix), 20)).map((line) => `${prefix}${line}`);
}

/**
 * A command as it can be pasted, in lines of at most `width` columns that end in ` \` where it goes on. An option
 * and its value stay together where they fit.
 */
export function wrapCommand(command: readonly string[], width: number): readonly string[] {
  const words = command.map(shownWord);
  if (columns(words.join(" ")) <= width) return [words.join(" ")];
  const lines: string[] = [];
  let line = "";
  for (const unit of units(words)) {
    const room = lines.length === 0 ? width - 2 : width - 4;
    if (line !== "" && columns(line) + 1 + columns(unit) > room) {
      lines.push(line);
      line = unit;
    } else {
      line = line === "" ? unit : `${line} ${unit}`;
    }
  }
  lines.push(line);
  return lines.map((text, i) => `${i === 0 ? "" : "  "}${text}${i < lines.length - 1 ? " \\" : ""}`);
}

/** `-L 2g` reads as one thing: an option is kept with the word after it, unless that is an option or a path. */
function units(words: readonly string[]): readonly string[] {
  const out: string[] = [];
  for (let i = 0; i < words.length; i += 1) {
    const word = words[i] ?? "";
    const next = words[i + 1];
    const takesNext = /^-{1,2}[A-Za-z][A-Za-z-]*$/.test(word) && next !== undefined && !/^[-/]/.test(next);
    if (takesNext && i > 0) {
      out.push(`${word} ${next}`);
      i += 1;
    } else {
      out.push(word);
    }
  }
  return out;
}
