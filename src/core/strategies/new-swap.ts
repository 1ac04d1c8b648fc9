import { againstEnd } from "../model/disk-end.js";
import { safeName } from "../model/names.js";
import { makeSwap } from "../steps/make-swap.js";
import { stepOf } from "../steps/step-of.js";
import { againstFormat } from "./against-blocks.js";
import { zeroStep } from "./file-copy.js";
import { newVolume } from "./new-volume.js";
import { settleMove } from "./settle.js";
import type { Strategy } from "./strategy.js";

/** Swap is not copied: the guest comes up on a new area that has the old one's UUID and label. */
export const newSwap: Strategy = {
  name: "new-swap",
  about: "makes a new swap area with the old UUID and label, copies nothing",
  named: false,
  auto: true,
  carries: "nothing",
  shows: [],

  // taken over for a mirror, long before the commit, the guest could not be taken back without another restart
  goesWith: (way, { running }) => !running || way === undefined || way === "files",

  fits: (move) => {
    const { change, switchOver, running } = move;
    const { type } = change.image.content;
    if (type !== "swap") return { fits: false, reasons: [`its content is ${type}, not swap`] };
    if (change.wish.filesystem !== undefined && change.wish.filesystem !== "swap") {
      return { fits: false, reasons: [`it holds swap and ${change.wish.filesystem} is asked for`] };
    }
    const against = [...againstFormat(change), ...againstEnd(change.image)];
    if (against.length > 0) return { fits: false, reasons: against };
    if (running && switchOver !== "restart") return { fits: false, reasons: ["what is in it outlives a guest that is only suspended"] };
    return { fits: true, reasons: ["it is swap: nothing in it outlives the guest's restart"] };
  },

  forecast: () => ({ copyBytes: 0, seconds: 0, takeOvers: 1, held: [] }),

  fragments: (move) => {
    const { to, image, vdev } = move.change;
    if (image.content.type !== "swap") throw new Error("not swap");
    const { volume, bytes, extentBytes } = to;
    return {
      prepare: [
        newVolume(move.change),
        ...((to.former || to.fill !== undefined) && to.content.type === "swap"
          ? []
          : [zeroStep(move)]),
        stepOf(
          makeSwap, "prepare", `${safeName(vdev)}.make-swap`, { volume, bytes, like: image.content },
          "a new area with the old name",
        ),
      ],
      checked: [],
      rehearsal: { volume, bytes, extentBytes, after: [] },
      poised: [],
      atRest: [],
      settle: settleMove(move),
    };
  },
};
