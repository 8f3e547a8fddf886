package catalog

import "hearth"

// overlay holds rows that the library behind the table lacks, from the vendors' pages.
// A row of the library with the same ref gives way.
var overlay = []Model{
	{Ref: hearth.ModelRef{Provider: "mistral", Model: "mistral-medium-latest"}, Name: "Mistral Medium", Window: 262144, Cost: Cost{Input: 1.5, Output: 7.5}, Reasoning: true, Vision: true},
	{Ref: hearth.ModelRef{Provider: "groq", Model: "openai/gpt-oss-120b"}, Name: "GPT-OSS 120B", Window: 131072, MaxTokens: 65536, Cost: Cost{Input: 0.15, Output: 0.6, CacheRead: 0.075}, Reasoning: true, Efforts: []string{"low", "medium", "high"}},
	{Ref: hearth.ModelRef{Provider: "groq", Model: "openai/gpt-oss-20b"}, Name: "GPT-OSS 20B", Window: 131072, MaxTokens: 65536, Cost: Cost{Input: 0.075, Output: 0.3, CacheRead: 0.0375}, Reasoning: true, Efforts: []string{"low", "medium", "high"}},
	{Ref: hearth.ModelRef{Provider: "groq", Model: "llama-3.3-70b-versatile"}, Name: "Llama 3.3 70B", Window: 131072, MaxTokens: 32768, Cost: Cost{Input: 0.59, Output: 0.79}},
	{Ref: hearth.ModelRef{Provider: "groq", Model: "llama-3.1-8b-instant"}, Name: "Llama 3.1 8B", Window: 131072, MaxTokens: 131072, Cost: Cost{Input: 0.05, Output: 0.08}},
	{Ref: hearth.ModelRef{Provider: "groq", Model: "qwen/qwen3-32b"}, Name: "Qwen3 32B", Window: 131072, MaxTokens: 40960, Cost: Cost{Input: 0.29, Output: 0.59}, Reasoning: true},
	{Ref: hearth.ModelRef{Provider: "groq", Model: "meta-llama/llama-4-scout-17b-16e-instruct"}, Name: "Llama 4 Scout", Window: 131072, MaxTokens: 8192, Cost: Cost{Input: 0.11, Output: 0.34}, Vision: true},
}
