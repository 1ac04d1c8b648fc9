import { waitOf } from "../steps/await-window.js";
import type { Check } from "./check.js";

export const windowTooShort: Check = {
  code: "window-too-short",
  about: "a window in which the switch that waits for it has no room would be waited for without end",
  run: ({ nodes, desired }) => {
    const wait = waitOf(nodes);
    if (wait === undefined) return [];
    const { window, seconds } = wait;
    const longest = 60 * Math.max(...window.spans.map(({ minutes }) => minutes));
    if (seconds <= longest) return [];
    return [
      {
        at: desired.at,
        summary: `the window ${window.text} has ${longest} s, and the second switch is reckoned to take ${seconds} s`,
        fix: "Make the window longer, or choose another `switch`.",
      },
    ];
  },
};
