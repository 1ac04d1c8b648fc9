import type { Check } from "./check.js";

export const guestHalted: Check = {
  code: "guest-halted",
  about: "a guest that has crashed or shut down, and is there still, does nothing that a move asks it for; whoever keeps it wants to look at it",
  run: ({ domain: { name, running }, desired: { at } }) => {
    if (running?.halted === undefined) return [];
    const gone = "Once it is down, or up again, run this again.";
    return [
      running.halted === "crashed"
        ? {
            at, summary: `${name} has crashed, and is kept as it was`,
            detail: "its memory, and what it had not yet written, is what it was then (on_crash); it would not follow a request to shut down",
            fix: `Look at it first (xl dump-core ${name} FILE); when nobody needs it any more: xl destroy ${name}. ${gone}`,
          }
        : {
            at, summary: `${name} has shut down, and is still there`,
            detail: "it is about to go, somebody saves or migrates it, or it is kept (preserve, in on_poweroff or on_reboot)",
            fix: `Wait until it has gone; if it stays, and nobody saves or migrates it: xl destroy ${name}. ${gone}`,
          },
    ];
  },
};
