// ask.js PROTOCOL URL asks one question through the protocol's official client, streaming,
// and prints what the client understood as one JSON object.
import Anthropic from "@anthropic-ai/sdk";
import { Ollama } from "ollama";
import OpenAI from "openai";

const model = "test-model";
const question = "What is the weather?";
const parameters = { type: "object", properties: { city: { type: "string" } } };
const tool = { name: "get_weather", description: "Tells the weather.", parameters };
const messages = [{ role: "user", content: question }];

const clients = {
  async "openai-completions"(url) {
    const client = new OpenAI({ baseURL: url + "/v1", apiKey: "none", maxRetries: 0 });
    let thinking = "";
    const stream = client.chat.completions.stream({
      model, messages, tools: [{ type: "function", function: tool }], stream_options: { include_usage: true },
    });
    stream.on("chunk", (c) => (thinking += c.choices[0]?.delta.reasoning_content ?? ""));
    const whole = await stream.finalChatCompletion();
    const [{ message, finish_reason }] = whole.choices;
    return {
      model: whole.model, thinking, text: message.content, stop: finish_reason,
      calls: (message.tool_calls ?? []).map((c) => [c.id, c.function.name, JSON.parse(c.function.arguments)]),
      usage: [whole.usage.prompt_tokens, whole.usage.completion_tokens],
    };
  },

  async "openai-responses"(url) {
    const client = new OpenAI({ baseURL: url + "/v1", apiKey: "none", maxRetries: 0 });
    let thinking = "";
    let text = "";
    const stream = client.responses.stream({ model, input: question, tools: [{ type: "function", strict: false, ...tool }] });
    stream.on("response.reasoning_text.delta", (e) => (thinking += e.delta));
    stream.on("response.output_text.delta", (e) => (text += e.delta));
    const whole = await stream.finalResponse();
    if (text !== whole.output_text) throw new Error(`streamed ${text}, and said ${whole.output_text} at the end`);
    return {
      model: whole.model, thinking, text, stop: whole.incomplete_details?.reason ?? whole.status,
      calls: whole.output.filter((i) => i.type === "function_call").map((c) => [c.call_id, c.name, JSON.parse(c.arguments)]),
      usage: [whole.usage.input_tokens, whole.usage.output_tokens],
    };
  },

  async "anthropic-messages"(url) {
    const client = new Anthropic({ baseURL: url, apiKey: "none", maxRetries: 0 });
    const whole = await client.messages.stream({
      model, max_tokens: 100, messages, tools: [{ name: tool.name, description: tool.description, input_schema: parameters }],
    }).finalMessage();
    const blocks = (type) => whole.content.filter((b) => b.type === type);
    return {
      model: whole.model, thinking: blocks("thinking").map((b) => b.thinking).join(""), text: blocks("text").map((b) => b.text).join(""),
      stop: whole.stop_reason, calls: blocks("tool_use").map((b) => [b.id, b.name, b.input]),
      usage: [whole.usage.input_tokens, whole.usage.output_tokens],
    };
  },

  async ollama(url) {
    const client = new Ollama({ host: url });
    const got = { thinking: "", text: "", calls: [] };
    for await (const part of await client.chat({ model, messages, stream: true, tools: [{ type: "function", function: tool }] })) {
      got.model = part.model;
      got.thinking += part.message.thinking ?? "";
      got.text += part.message.content;
      got.calls.push(...(part.message.tool_calls ?? []).map((c) => [c.id, c.function.name, c.function.arguments]));
      if (part.done) Object.assign(got, { stop: part.done_reason, usage: [part.prompt_eval_count, part.eval_count] });
    }
    return got;
  },
};

const [protocol, url] = process.argv.slice(2);
console.log(JSON.stringify(await clients[protocol](url)));
