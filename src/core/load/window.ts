import type { TimeWindow } from "../model/desired.js";
import { nearest } from "./suggest.js";

const DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"] as const;
const DAY = 24 * 60;

/**
 * A window of time as a playbook has it: `02:00-05:00`, `Sat,Sun 01:00-05:00`, `Mon-Fri 22:30-04:00`.
 * @returns undefined for anything else, and for one that is empty
 */
export function parseWindow(text: string): TimeWindow | undefined {
  const match = /^\s*(?:([a-z][a-z,\s-]*?)\s+)?(\d{1,2}:\d{2})\s*-\s*(\d{1,2}:\d{2})\s*$/i.exec(text);
  if (match === null) return undefined;
  const [, named, from = "", to = ""] = match;
  const days = named === undefined ? DAYS.map((_day, number) => number) : daysOf(named);
  const [begin, end] = [minutesOf(from), minutesOf(to)];
  if (days === undefined || begin === undefined || end === undefined || begin === end || begin === DAY) return undefined;
  const minutes = end > begin ? end - begin : end - begin + DAY;
  return {
    text: `${named === undefined ? "" : `${written(named)} `}${clock(begin)}-${clock(end)}`,
    spans: [...new Set(days)].sort((a, b) => a - b).map((day) => ({ start: day * DAY + begin, minutes })),
  };
}

/** What is wrong with a text that {@link parseWindow} does not take, and what might have been meant. */
export function windowProblem(text: string): { readonly problem: string; readonly fix: string } {
  const fix = "Write it as 02:00-05:00, or as Sat,Sun 01:00-05:00";
  const unknown = (text.match(/[a-z]+/gi) ?? []).find((word) => !isDay(word) && !/^(?:am|pm|to|until|and)$/i.test(word));
  if (unknown !== undefined) return { problem: `'${brief(unknown)}' is no day of the week`, fix: meant(unknown) ?? `Days are ${DAYS.join(", ")}` };
  if (/\d\s*[ap]m\b/i.test(text)) return { problem: "its times go from 00:00 to 24:00", fix };
  const times = text.match(/\d+(?::\d+)*/g) ?? [];
  const wrong = times.find((time) => time.includes(":") && minutesOf(time) === undefined);
  if (wrong !== undefined) return { problem: `'${brief(wrong)}' is no time of day`, fix: "Times are 00:00 to 24:00, in hours and minutes" };
  const [first, second] = times;
  if (first === undefined) return { problem: `'${brief(text)}' has no times`, fix };
  if (second === undefined) return { problem: "this one has no end", fix };
  if (times.length > 2) return { problem: "there is one of it only", fix: "Take one, the longest maybe" };
  const [begin, end] = [minutesOf(hours(first)), minutesOf(hours(second))];
  if (begin !== undefined && begin === DAY) return { problem: "no day begins at 24:00", fix: `Write 00:00-${hours(second)}` };
  if (begin !== undefined && begin === end) return { problem: "this one ends as it begins", fix: "For the whole day write 00:00-24:00" };
  if (begin === undefined || end === undefined) return { problem: `'${brief(text)}' is not one`, fix };
  const days = /^\s*([a-z][a-z,\s-]*?)\s+\d/i.exec(text)?.[1];
  return { problem: `'${brief(text)}' is not one`, fix: `Write ${days === undefined ? "" : `${written(days)} `}${clock(begin)}-${clock(end)}` };
}

function isDay(word: string): boolean {
  return DAYS.some((day) => day.toLowerCase() === word.toLowerCase());
}

/** Numbers of days, Monday's is 0: of `Sat,Sun`, of `Fri-Mon`, which goes over the end of the week. */
function daysOf(text: string): readonly number[] | undefined {
  const days: number[] = [];
  for (const part of text.split(",")) {
    const [first, last, more] = part.trim().split("-").map((word) => DAYS.findIndex((day) => day.toLowerCase() === word.trim().toLowerCase()));
    if (first === undefined || first === -1 || last === -1 || more !== undefined) return undefined;
    const to = last ?? first;
    for (let day = first; ; day = (day + 1) % DAYS.length) {
      days.push(day);
      if (day === to) break;
    }
  }
  return days;
}

/** Minutes since midnight: of `02:00`, of `24:00`. */
function minutesOf(time: string): number | undefined {
  const match = /^(\d{1,2}):(\d{2})$/.exec(time);
  if (match === null) return undefined;
  const minutes = Number(match[1]) * 60 + Number(match[2]);
  return Number(match[2]) < 60 && minutes <= DAY ? minutes : undefined;
}

/** `2` is meant for `2:00`. */
function hours(time: string): string {
  return time.includes(":") ? time : `${time}:00`;
}

function clock(minutes: number): string {
  const two = (number: number): string => String(number).padStart(2, "0");
  return `${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}

function written(days: string): string {
  return days.replace(/[a-z]+/gi, (word) => `${word.charAt(0).toUpperCase()}${word.slice(1).toLowerCase()}`).replace(/\s/g, "");
}

function meant(word: string): string | undefined {
  const whole = DAYS.find((day) => word.toLowerCase().startsWith(day.toLowerCase()));
  const day = whole ?? nearest(word, DAYS);
  return day === undefined ? undefined : `did you mean '${day}'?`;
}

function brief(text: string): string {
  const trimmed = text.trim();
  return trimmed.length > 40 ? `${trimmed.slice(0, 37)}…` : trimmed;
}
