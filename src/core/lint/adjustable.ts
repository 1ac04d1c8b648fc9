/**
 * Complaints of reading a file that forbid nothing: they can be silenced and weighed as rules can. What is an error
 * there is one for every command, and stays one here.
 */
export const ADJUSTABLE: ReadonlyMap<string, string> = new Map([
  ["duplicate-key", "A key of an inventory stands twice; the last one counts. (Twice in a playbook it is an error.)"],
  ["empty-playbook", "A playbook has no plays."],
  ["hidden-variable", "A volume uses `domain` or `vdev`, and a variable of that name is hidden."],
  ["host-pattern", "A glob or a regular expression over hosts matches nothing. (A plain name is an error.)"],
  ["more-complaints", "There are more complaints about one file than are shown."],
  ["silence-unused", "A comment silences a rule that finds nothing there."],
  ["silence-without-reason", "A comment silences a rule and does not say why."],
  ["unknown-key", "A key of an inventory's group is passed over. (In a playbook it is an error.)"],
  ["vault-sealed", "Vaults were left shut for want of a password; what depends on them is not judged."],
]);
