import { servedFrom } from "../model/qemu.js";
import { diskKey } from "../model/transform.js";
import type { Check } from "./check.js";

export const volumeInUse: Check = {
  code: "volume-in-use",
  about: "a volume that somebody else uses is never written to: Xen's scripts do not guard that",
  run: ({ moves, state, domain }) =>
    moves.flatMap(({ to, vdev, wish }) => {
      const users: string[] = [];
      for (const other of Object.values(state.domains)) {
        const configured = other.config?.disks.some((d) => diskKey(d.target) === to.volume) ?? false;
        const attached = other.running?.attached.some((d) => diskKey(d.params) === to.volume || diskKey(servedFrom(d)) === to.volume) ?? false;
        if ((configured || attached) && other.name !== domain.name) users.push(`guest ${other.name}`);
      }
      const volume = state.volumes[to.volume];
      for (const mount of state.mounts) {
        if (volume?.devno !== undefined && mount.devno === volume.devno) users.push(`mounted on ${mount.target}`);
      }
      users.push(...(volume?.holders ?? []).map((holder) => `device ${holder} lies on it`));
      if (users.length === 0) return [];
      return [
        {
          vdev, at: wish.volumeAt, summary: `${to.volume} is in use`, detail: users.join("\n"),
          fix: "Choose another volume, or free this one.",
        },
      ];
    }),
};
