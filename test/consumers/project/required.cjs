/** CommonJS gets the same functions by `require`. */
const { Trainer } = require("proxbit");
const { load } = require("proxbit/inference");

console.log(typeof Trainer.create, typeof load);
