import { usersOfVolume } from "./users.js";
import type { Check } from "./check.js";

export const volumeInUse: Check = {
  code: "volume-in-use",
  about: "a volume that somebody else uses is never written to: Xen's scripts do not guard that",
  run: ({ moves, state, domain }) =>
    moves.flatMap(({ to, vdev, wish }) => {
      const users = usersOfVolume(to.volume, { domain: domain.name, vdev }, state);
      if (users.length === 0) return [];
      return [
        {
          vdev, at: wish.volumeAt, summary: `${to.volume} is in use`, detail: users.join("\n"),
          fix: "Choose another volume, or free this one.",
        },
      ];
    }),
};
