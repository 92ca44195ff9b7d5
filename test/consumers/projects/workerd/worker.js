/** A worker of Cloudflare's that answers with the logits. */
import core from "core.wasm";
import { infer } from "./inference.js";
import { model } from "./model.js";

export default {
  async fetch() {
    try {
      return Response.json(await infer(model, { variant: "plain", source: core }));
    } catch (error) {
      return new Response(`${error.message} ${error.remedy ?? ""}`, { status: 500 });
    }
  },
};
