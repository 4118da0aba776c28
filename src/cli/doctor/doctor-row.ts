/** `lacks`: no drill can run without it. `hint`: drills run, less well. */
export interface DoctorRow {
  readonly name: string;
  readonly status: "ok" | "hint" | "lacks";
  readonly found: string;
  readonly hint: string | null;
}

export function ok(name: string, found: string): DoctorRow {
  return { name, status: "ok", found, hint: null };
}

export function less(name: string, found: string, hint: string): DoctorRow {
  return { name, status: "hint", found, hint };
}

export function lacks(name: string, found: string, hint: string): DoctorRow {
  return { name, status: "lacks", found, hint };
}
