import { readFileSync } from "node:fs";
import type { MoveOptions } from "../../src/core/model/desired.js";
import type { HostState } from "../../src/core/model/host-state.js";
import { stepsOf } from "../../src/core/model/plan.js";
import type { DomainPlan } from "../../src/core/model/plan.js";
import { planHost } from "../../src/core/plan/plan-host.js";
import { renderChoices, renderSwitch } from "../../src/core/render/choices.js";
import { renderSteps } from "../../src/core/render/steps.js";
import { plainStyle } from "../../src/core/render/style.js";
import { toolsOf } from "../../src/core/steps/kind-of.js";
import { describeStep } from "../../src/edge/cli/describe-step.js";
import type { ADisk } from "../support/a-host.js";
import { aHost, aWish, MIB, NIGHTS, sha256, withFullImages } from "../support/a-host.js";

/** The pages about ways to move a guest, and what of them is printed by the code itself. */

export const FOLDER = "docs/guide/strategies";

/** A piece of a page that stands between a line that names it and the end of its block. */
export interface Block {
  readonly page: string;
  readonly name: string;
  readonly text: () => string;
}

const VIEW = { width: 80, style: plainStyle, verbosity: 0, describe: describeStep };

interface Scene {
  readonly move: MoveOptions;
  readonly disk?: ADisk;
  readonly qdisk?: true;
  readonly host?: (state: HostState) => HostState;
}

const migratable = (state: HostState): HostState => ({ ...state, host: { ...state.host, capabilities: ["pv", "shadow"] } });

/** One running guest with one disk of ext4, by each way: what its page shows. */
export const SCENES = {
  rsync: { move: { strategy: "rsync" } },
  dm: { move: { strategy: "dm", switch: "suspend" } },
  qemu: { move: { strategy: "qemu" }, qdisk: true },
  md: { move: { strategy: "md", switch: "suspend", finish: "now" }, host: withFullImages },
  "md-preseed": { move: { strategy: "md-preseed", switch: "suspend" }, host: withFullImages },
  drbd: { move: { strategy: "drbd", switch: "suspend" }, host: withFullImages },
  auto: { move: {} },
} as const satisfies Readonly<Record<string, Scene>>;

/** The pages that show the steps of a strategy. */
export const SHOWN = (Object.keys(SCENES) as (keyof typeof SCENES)[]).filter((page) => page !== "auto");

const SWITCHES = {
  restart: { move: { strategy: "dm", switch: "restart", verify: "fresh" }, disk: { content: { type: "unknown" } } },
  suspend: SCENES.dm,
  migrate: { move: { strategy: "dm", switch: "migrate" }, host: migratable },
  "next-reboot": { move: { strategy: "dm", switch: "next-reboot" } },
} as const satisfies Readonly<Record<string, Scene>>;

/** A second switch, in its window. */
const WINDOW: Scene = { move: { strategy: "dm", switch: "suspend", finish: "window", window: NIGHTS } };

/** The plan of a scene: a scene that can not be planned is a mistake in it. */
export function planned(scene: Scene): DomainPlan {
  const state = aHost([{ name: "web1", disks: { xvda1: { bytes: 512 * MIB, ...scene.disk } }, ...(scene.qdisk === true ? { qdisk: true } : {}) }]);
  const plan = planHost(scene.host?.(state) ?? state, [aWish("web1", ["xvda1"], scene.move)], sha256);
  const [domain] = plan.domains;
  if (domain === undefined || plan.diagnostics.some(({ severity }) => severity === "error")) {
    throw new Error(`there is no plan for ${JSON.stringify(scene.move)}: ${plan.diagnostics.map(({ summary }) => summary).join("; ")}`);
  }
  return domain;
}

/** The steps as the preview shows them: all, or some of them. */
function steps(scene: Scene, isShown: (id: string) => boolean = () => true): string {
  const shown = planned(scene).nodes.filter((node) => (node.node === "step" ? isShown(node.id) : node.body.some(({ id }) => isShown(id))));
  if (shown.length === 0) throw new Error("no step is shown");
  return renderSteps(shown, "", VIEW).join("\n");
}

/** Until the guest is up on the mirror's device, without what is the mirror's own. */
function takeOver(scene: Scene): string {
  const ids = stepsOf(planned(scene).nodes).map(({ id }) => id);
  const ready = ids.indexOf("wait-ready");
  const first = new Set(ready === -1 ? ids : ids.slice(0, ready + 1));
  return steps(scene, (id) => first.has(id) && !id.startsWith("xvda1."));
}

/** What stands in each page and is the code's. */
export const BLOCKS: readonly Block[] = [
  ...SHOWN.map((page): Block => ({ page, name: "steps", text: () => steps(SCENES[page]) })),
  ...(["restart", "suspend", "migrate", "next-reboot"] as const).map((name): Block => ({
    page: "switch-overs", name, text: () => takeOver(SWITCHES[name]),
  })),
  { page: "switch-overs", name: "window", text: () => steps(WINDOW, (id) => id.startsWith("again.") || id === "await-window") },
  {
    page: "auto", name: "choice",
    text: () => {
      const plan = planned(SCENES.auto);
      return [...renderChoices(plan.choices, "", VIEW), "", ...renderSwitch(plan.switchOver, "", VIEW)].join("\n");
    },
  },
];

/** Programs that the steps of a page's scene need on the host. */
export function toolsOfPage(page: keyof typeof SCENES): ReadonlySet<string> {
  return new Set(stepsOf(planned(SCENES[page]).nodes).flatMap((step) => toolsOf(step)));
}

export function pageText(page: string): string {
  return readFileSync(`${FOLDER}/${page}.md`, "utf8");
}

/** A page with one of its blocks put in anew; unset where the page has no place for it. */
export function withBlock(page: string, name: string, block: string): string | undefined {
  const [before = "", rest] = page.split(`<!-- as the code prints it: ${name} -->\n\n\`\`\`text\n`);
  const end = rest?.indexOf("\n```\n") ?? -1;
  if (rest === undefined || end === -1) return undefined;
  return `${before}<!-- as the code prints it: ${name} -->\n\n\`\`\`text\n${block}${rest.slice(end)}`;
}
