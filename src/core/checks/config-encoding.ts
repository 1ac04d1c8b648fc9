import { stepsOf } from "../model/plan.js";
import type { Check } from "./check.js";

export const configEncoding: Check = {
  code: "config-encoding",
  about: "a config that is no UTF-8 text, or was not read to its end, can not be edited without harm to what else it says",
  run: ({ domain: { name, config }, desired, moves, nodes }) => {
    if (config?.uneditable === undefined) return [];
    if (moves.length === 0 && !stepsOf(nodes).some((step) => step.kind === "edit-config")) return [];
    return [
      {
        at: desired.at,
        summary: `${config.path} would have to be edited, and ${config.uneditable === "no-utf8" ? "is no UTF-8 text" : "is too long to be read"}`,
        fix: config.uneditable === "no-utf8"
          ? `Convert it to UTF-8 (iconv -f latin1 -t utf-8), and see that ${name} starts from it.`
          : `Shorten it to less than 256 KiB, and see that ${name} starts from it.`,
      },
    ];
  },
};
