/**
 * Zachary's karate club: 34 members, 78 friendships, and the side that each took when the club split (W. W. Zachary, "An
 * Information Flow Model for Conflict and Fission in Small Groups", Journal of Anthropological Research 33, 1977, tables 1 and 3).
 * The numbers are facts of that paper; members are numbered from 1 as there.
 */
import type { Network } from "./graph.ts";

/** Each member with those friends that have a larger number. */
const friendships: readonly (readonly [member: number, friends: readonly number[]])[] = [
  [1, [2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 18, 20, 22, 32]],
  [2, [3, 4, 8, 14, 18, 20, 22, 31]],
  [3, [4, 8, 9, 10, 14, 28, 29, 33]],
  [4, [8, 13, 14]],
  [5, [7, 11]],
  [6, [7, 11, 17]],
  [7, [17]],
  [9, [31, 33, 34]],
  [10, [34]],
  [14, [34]],
  [15, [33, 34]],
  [16, [33, 34]],
  [19, [33, 34]],
  [20, [34]],
  [21, [33, 34]],
  [23, [33, 34]],
  [24, [26, 28, 30, 33, 34]],
  [25, [26, 28, 32]],
  [26, [32]],
  [27, [30, 34]],
  [28, [34]],
  [29, [32, 34]],
  [30, [33, 34]],
  [31, [33, 34]],
  [32, [33, 34]],
  [33, [34]],
];

/** Those who stayed with Mr. Hi, the instructor, who is member 1. All others went with the officers, led by member 34. */
const withMrHi: readonly number[] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 17, 18, 20, 22];

const MEMBERS = 34;

export const karate: Network = {
  nodes: MEMBERS,
  edges: friendships.flatMap(([member, friends]) =>
    friends.map((friend): readonly [number, number] => [member - 1, friend - 1]),
  ),
  classes: ["Mr. Hi", "officers"],
  labels: Array.from({ length: MEMBERS }, (_, node) => (withMrHi.includes(node + 1) ? 0 : 1)),
};
