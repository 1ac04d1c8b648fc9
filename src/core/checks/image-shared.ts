import { usersOfImage } from "./users.js";
import type { Check } from "./check.js";

export const imageShared: Check = {
  code: "image-shared",
  about: "an image that anybody else has too, under whatever name, can not be moved for one of them",
  run: ({ moves, state, domain }) =>
    moves.flatMap(({ image, vdev, wish }) => {
      const users = usersOfImage(image, { domain: domain.name, vdev }, state);
      if (users.length === 0) return [];
      return [
        {
          vdev, at: wish.at, summary: `${image.path} is used by more than ${domain.name}`, detail: users.join("\n"),
          fix: "Let one disk of one guest alone have it before it is moved.",
        },
      ];
    }),
};
