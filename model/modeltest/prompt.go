package modeltest

import "encoding/json"

// Tokens is how this server counts, unless Config.Count says otherwise: four bytes are a
// token.
func Tokens(prompt string) int { return (len(prompt) + 3) / 4 }

// count counts as this server does.
func (s *Server) count(prompt string) int {
	if s.cfg.Count != nil {
		return s.cfg.Count(prompt)
	}
	return Tokens(prompt)
}

// promptOf gives the bytes of a request that would reach a chat template, in template
// order: tools, system text, messages.
func promptOf(r Request) string {
	var body map[string]json.RawMessage
	if json.Unmarshal(r.Body, &body) != nil {
		return string(r.Body)
	}
	prompt := ""
	for _, key := range []string{"tools", "system", "instructions", "messages", "input"} {
		prompt += string(body[key])
	}
	// The closing bracket moves when a conversation grows; no template has one.
	if n := len(prompt); n > 0 && prompt[n-1] == ']' {
		prompt = prompt[:n-1]
	}
	return prompt
}
