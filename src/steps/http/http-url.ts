import { z } from "zod";
import { hasLogin } from "../../support/url-login.ts";

const NO_LOGIN = "PLAINTEXT_SECRET: a URL must not hold a password\nsend it in a header, by reference";

/** An absolute `http` or `https` address without a login, which would stand in the plan. */
export function httpUrl() {
  return z
    .url({ protocol: /^https?$/u })
    .max(4000)
    .refine((text) => !hasLogin(text), NO_LOGIN);
}
