"use client";
/** A page whose work begins in the browser. */
import { useEffect } from "react";
import { consume } from "../consume.js";
import { report } from "../report.js";

export default function Page() {
  useEffect(() => void report(() => consume()), []);
  return "proxbit";
}
