import type { Diagnostic } from "../model/diagnostic.js";
import type { HostState } from "../model/host-state.js";
import type { StrategyChoice } from "../model/plan.js";
import type { DiskMove, Strategy } from "./strategy.js";
import { strategies } from "./registry.js";

/** What `auto` tries, in this order: files carry no more than is used, blocks carry whatever there is. */
const PREFERRED: readonly string[] = ["rsync", "dm", "qemu"];

/**
 * Picks the strategy of one disk: the one that the playbook names, or with `auto` (or none) the first that fits.
 * Swap is made anew whatever is named, since there is nothing in it to carry.
 */
export function chooseStrategy(
  move: DiskMove, state: HostState,
): { readonly strategy?: Strategy; readonly choice: StrategyChoice; readonly diagnostics: readonly Diagnostic[] } {
  const named = move.options.strategy ?? "auto";
  const { vdev, domain, wish } = move.change;
  const candidates = Object.values(strategies).filter(
    (strategy) => named === "auto" || strategy.name === named || !strategy.named,
  );
  const fits = candidates.map((strategy) => ({ strategy, fit: strategy.fits(move, state) }));
  // a strategy that is only picked goes first: it is there because it is better where it fits
  const rank = (strategy: Strategy): number => (strategy.named ? 1 + PREFERRED.indexOf(strategy.name) : 0);
  const fitting = fits.filter(({ fit }) => fit.fits).sort((a, b) => rank(a.strategy) - rank(b.strategy));
  const chosen = fitting[0];
  const against = fits
    .filter(({ strategy, fit }) => strategy !== chosen?.strategy && !fit.fits && strategy.named)
    .map(({ strategy, fit }) => ({ strategy: strategy.name, reasons: fit.reasons }));
  if (chosen === undefined) {
    const reasons = fits.filter(({ strategy }) => strategy.named).flatMap(({ strategy, fit }) => fit.reasons.map((r) => `${strategy.name}: ${r}`));
    return {
      choice: { vdev, strategy: "none", because: [], against },
      diagnostics: [
        {
          severity: "error", code: "no-strategy-fits", at: wish.at,
          subject: { host: state.host.name, domain, vdev },
          summary: `no way to move ${vdev} of ${domain} (${move.change.image.path})`,
          detail: reasons.join("\n"),
          fix: "Leave this disk out of the playbook; disks of this kind can not be moved yet.",
        },
      ],
    };
  }
  return {
    strategy: chosen.strategy,
    choice: { vdev, strategy: chosen.strategy.name, because: chosen.fit.reasons, against },
    diagnostics: [],
  };
}
