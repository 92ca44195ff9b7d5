/** The operations of transformers in tfjs, beside those of `peers/tfjs-network.ts`. */
import type { GraphNode } from "../../ts/nn/graph.ts";
import { tf } from "./tfjs.ts";

/** LayerNormalization's default in ONNX. */
const EPSILON = 1e-5;

/** The values of a node's inputs, and its weights by key. */
interface Given {
  readonly inputs: readonly tf.Tensor[];
  readonly weight: (key: string) => tf.Tensor;
}

/** Heads side by side as `[images][heads][tokens][d]`. */
function split(x: tf.Tensor, heads: number): tf.Tensor {
  const [images, tokens, features] = x.shape as [number, number, number];
  return tf.transpose(tf.reshape(x, [images, tokens, heads, features / heads]), [0, 2, 1, 3]);
}

/** The value of a transformer's node on `[images, tokens, features]`; undefined for any other. */
export function transformerNode(node: GraphNode, { inputs, weight }: Given): tf.Tensor | undefined {
  const [x, second, third] = inputs as [tf.Tensor, tf.Tensor, tf.Tensor];
  switch (node.op) {
    case "reshape":
      return tf.reshape(x, [x.shape[0] as number, ...node.attributes.targetShape]);
    case "classToken": {
      const token = weight("token");
      return tf.concat([tf.tile(tf.reshape(token, [1, 1, token.size]), [x.shape[0] as number, 1, 1]), x], 1);
    }
    case "positionEmbedding":
      return tf.add(x, weight("positions"));
    case "layerNorm": {
      const { mean, variance } = tf.moments(x, -1, true);
      const normed = tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, EPSILON)));
      return tf.add(tf.mul(normed, weight("gamma")), weight("beta"));
    }
    case "attention": {
      const [q, k, v] = [x, second, third].map((value) => split(value, node.attributes.heads)) as [
        tf.Tensor4D,
        tf.Tensor4D,
        tf.Tensor4D,
      ];
      const scores = tf.div(tf.matMul(q, k, false, true), Math.sqrt(q.shape[3]));
      return tf.reshape(tf.transpose(tf.matMul(tf.softmax(scores), v), [0, 2, 1, 3]), x.shape);
    }
    case "slice":
      return tf.slice(x, [0, 0, 0], [-1, 1, -1]);
    default:
      return undefined;
  }
}
