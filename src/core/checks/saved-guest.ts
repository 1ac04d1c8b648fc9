import type { Check } from "./check.js";

export const savedGuest: Check = {
  code: "saved-guest",
  about: "a saved guest remembers its disk as it was: restored over a disk that has changed it destroys it",
  run: ({ domain, desired }) =>
    domain.saved
      ? [
          {
            at: desired.at, summary: `xendomains holds a saved state of ${domain.name}`,
            fix: "Restore it (xl restore) or remove its save file first.",
          },
        ]
      : [],
};
