/**
 * Classes of SQLSTATE (manual: appendix A) with which a server says that a single statement was rolled back: it was
 * wrong, met a limit, lost to another, or was cancelled before its commit. Whatever else comes proves nothing: 08 and 57P
 * are also what a pooler says of a server that went away in the middle, or a server that ends after it has committed,
 * 40003 means just that, 58 and XX come from broken machines.
 */
const ROLLED_BACK = /^(?:0A|21|22|23|25|26|28|2B|2D|34|38|39|3B|3D|3F|42|44|53|54|55|P0)|^40(?!003)|^57014$/u;

export function provesNotCommitted(sqlstate: string): boolean {
  return ROLLED_BACK.test(sqlstate);
}
