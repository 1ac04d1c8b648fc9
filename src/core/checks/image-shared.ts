import { servedFrom } from "../model/qemu.js";
import type { HostState } from "../model/host-state.js";
import type { Image } from "../model/storage.js";
import type { Check } from "./check.js";

export const imageShared: Check = {
  code: "image-shared",
  about: "an image that two guests would share, or that Dom0 itself has mounted, can not be moved for one of them",
  run: ({ moves, state, domain }) =>
    moves.flatMap(({ image, vdev, wish }) => {
      const users = [
        ...Object.values(state.domains)
          .filter((other) => other.name !== domain.name && uses(other, image, state))
          .map((other) => `guest ${other.name}`),
        ...mountsOf(image, state),
      ];
      if (users.length === 0) return [];
      return [
        {
          vdev, at: wish.at, summary: `${image.path} is used by more than ${domain.name}`, detail: users.join("\n"),
          fix: "Let one guest alone have it before it is moved.",
        },
      ];
    }),
};

function uses(other: HostState["domains"][string], image: Image, state: HostState): boolean {
  const same = (path: string): boolean => {
    const found = state.images[path];
    return path === image.path || (found !== undefined && found.inode === image.inode && found.devno === image.devno);
  };
  const configured = other.config?.disks.some((d) => same(d.target)) ?? false;
  return configured || (other.running?.attached.some((d) => same(servedFrom(d))) ?? false) ||
    (other.running?.qemu?.nodes.some((node) => same(node.path)) ?? false);
}

function mountsOf(image: Image, state: HostState): readonly string[] {
  const loops = state.loops.filter((l) => l.inode === image.inode && l.devno === image.devno);
  return state.mounts
    .filter((mount) => loops.some((loop) => loop.device === mount.source))
    .map((mount) => `mounted on ${mount.target} (${mount.source})`);
}
