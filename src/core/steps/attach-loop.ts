import { quoteCommand } from "../model/command.js";
import type { Model } from "../model/model.js";
import type { StepKind } from "../model/step.js";
import { withLoop, withoutLoop } from "../model/transform.js";
import { traitsOf } from "./makers.js";

export interface AttachLoop {
  /** The name by which later steps know the device: its number is known only once it is attached. */
  readonly link: string;
  readonly file: string;
  /** The mapping that will lie on it: as long as it does the loop stays. One that lies on a loop over it already: that one is it. */
  readonly under?: string;
}

/**
 * A loop device over an image. Not read-only even where the file system on it is: a journal may have to be
 * replayed, and a read-only loop would refuse the mount.
 */
export const attachLoop: StepKind<"attach-loop", AttachLoop> = {
  kind: "attach-loop",
  risk: "safe",
  requires: ["losetup"],
  modules: ["loop"],
  title: ({ file, link }) => `Attach ${file} as ${link}`,
  actions: ({ link, file, under }) => [
    {
      verb: ["attach_loop", link, file, ...(under === undefined ? [] : [under])], command: ["losetup", "--find", "--show", file],
      ...(under === undefined ? {} : { also: `first, if an earlier run left it idle on another file: losetup --detach; ${traitsOf(under).end.shown(under)}` }),
    },
  ],
  goals: ({ link, file }) => [{ goal: "loop-attached", link, file }],
  effect: ({ link, file }, model) =>
    withLoop(model, {
      device: link, backing: file, inode: 0, devno: "", offset: 0, readOnly: false, deleted: false,
    }),
  undo: ({ link, file, under }) => ({
    when: [{ goal: "loop-attached", link, file }],
    actions: [
      {
        verb: ["detach_loop", link, ...(under === undefined ? [] : [under])],
        shown: `${quoteCommand(["losetup", "--detach", link])}${under === undefined ? "" : `, unless ${under} lies on it`}`,
      },
    ],
    effect: (model) => (under !== undefined && liesOn(under, file, model) ? model : withoutLoop(model, link)),
  }),
};

function liesOn(name: string, file: string, { host }: Model): boolean {
  const table = host.mappings?.find((mapping) => mapping.name === name)?.table;
  return table !== undefined && (table.kind === "linear" ? table.on === file : table.from === file || table.to === file);
}

export interface DetachLoop {
  readonly link: string;
}

export const detachLoop: StepKind<"detach-loop", DetachLoop> = {
  kind: "detach-loop",
  risk: "safe",
  requires: ["losetup"],
  title: ({ link }) => `Detach ${link}`,
  actions: ({ link }) => [{ verb: ["detach_loop", link], shown: quoteCommand(["losetup", "--detach", link]) }],
  goals: ({ link }) => [{ goal: "loop-detached", link }],
  effect: ({ link }, model) => withoutLoop(model, link),
};
