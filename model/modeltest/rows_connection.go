package modeltest

import (
	"strings"

	"hearth"
)

// connections are ways in which the connection itself fails or falls silent.
func connections() []Pathology {
	return []Pathology{
		{
			Name:  "refuses the connection",
			Prose: "Nothing listens: the server was never started, or its machine restarted.",
			Down:  true, Protocols: everyProtocol,
			Want: Want{Reason: hearth.ReasonUnreachable},
		},
		{
			Name:      "closes the connection without a byte",
			Prose:     "mlx_lm.server does it when a parameter has a value it does not expect; Ollama when a schema crashes it. The server may be back at once, and another model may answer.",
			Protocols: everyProtocol,
			Serve:     func(x *Exchange) { x.Drop() },
			Want:      Want{Reason: hearth.ReasonServer},
		},
		{
			Name:      "resets the connection before it answers",
			Prose:     "A process killed for lack of memory leaves its sockets to the kernel.",
			Protocols: everyProtocol,
			Serve:     func(x *Exchange) { x.Reset() },
			Want:      Want{Reason: hearth.ReasonServer},
		},
		{
			Name:      "hangs before it answers",
			Prose:     "vLLM and LM Studio send nothing, not even headers, until the whole prompt is read: minutes, on a slow machine. Only a person, or a clock they set, ends that.",
			Protocols: everyProtocol,
			Serve:     func(x *Exchange) { x.Hang() },
			Hangs:     true,
			Want:      Want{Reason: hearth.ReasonCancelled},
		},
		{
			Name:      "hangs behind its headers",
			Prose:     "llama-server sends headers at once and nothing else while it reads.",
			Protocols: everyProtocol,
			Serve:     func(x *Exchange) { x.Begin(); x.Hang() },
			Hangs:     true,
			Want:      Want{Reason: hearth.ReasonCancelled},
		},
		{
			Name:      "hangs in the middle of its answer",
			Prose:     "A GPU that was handed to another program, or a deadlock in the server.",
			Protocols: everyProtocol,
			Serve:     func(x *Exchange) { x.Frames(until(x, part)...); x.Hang() },
			Hangs:     true,
			Want:      Want{Reason: hearth.ReasonCancelled, Text: part},
		},
		{
			Name:      "dies in the middle of its answer",
			Prose:     "The connection closes in the middle of the body: the server crashed.",
			Protocols: everyProtocol,
			Serve:     func(x *Exchange) { x.Frames(until(x, part)...); x.Drop() },
			Want:      Want{Reason: hearth.ReasonCut, Text: part},
		},
		{
			Name:      "resets the connection in the middle of its answer",
			Prose:     "As above, killed by the kernel. What was read before the reset may be lost with it, so the text is a part of what was sent.",
			Protocols: everyProtocol,
			Serve: func(x *Exchange) {
				x.Frames(until(x, part)...)
				x.Reset()
			},
			Want: Want{Reason: hearth.ReasonCut, Text: anyPart + part},
		},
		{
			Name:      "ends cleanly without a finish reason",
			Prose:     "llama-server after an error, Ollama's /v1 when the runner dies: the body ends as if all were well. Taking that for an answer would hide the crash.",
			Protocols: everyProtocol,
			Serve:     func(x *Exchange) { x.Frames(until(x, part)...); x.Finished() },
			Want:      Want{Reason: hearth.ReasonCut, Text: part},
		},
		{
			Name:      "sends headers and then nothing at all",
			Prose:     "A stream without a single event, ended cleanly. No token came, so another model may answer.",
			Protocols: everyProtocol,
			Serve:     func(x *Exchange) { x.Begin(); x.Finished() },
			Want:      Want{Reason: hearth.ReasonServer},
		},
		{
			Name:      "answers with nginx's page for a dead server",
			Prose:     "A reverse proxy in front of a server that is down says 502 in HTML. The page must not be shown as an answer.",
			Protocols: everyProtocol,
			Serve: func(x *Exchange) {
				x.Status(502, "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx/1.26.0</center>\r\n</body>\r\n</html>\r\n")
			},
			Want: Want{Reason: hearth.ReasonServer, Words: "502 Bad Gateway"},
		},
		{
			Name:      "answers with a web page and status 200",
			Prose:     "The port belongs to something else, or a router asks for a login.",
			Protocols: everyProtocol,
			Serve:     func(x *Exchange) { x.Status(200, "<!doctype html><title>Login</title><p>Please log in") },
			Want:      Want{Reason: hearth.ReasonServer},
		},
		{
			Name:      "redirects",
			Prose:     "A request holds a person's words and key; it is not sent on to an address that is not in the config.",
			Protocols: everyProtocol,
			Serve:     func(x *Exchange) { x.Status(307, "", "Location", "http://127.0.0.1:1/elsewhere") },
			Want:      Want{Reason: hearth.ReasonServer, Words: "http://127.0.0.1:1/elsewhere"},
		},
		{
			Name:      "sends only keep-alives for a while",
			Prose:     "mlx_lm (: keepalive 2048/53237), exo, vllm-mlx and DeepSeek send comments while they read.",
			Protocols: eventStreams,
			Serve: func(x *Exchange) {
				x.Raw([]byte(": keepalive 2048/53237\n\n:\n\n: heartbeat\n\n: ping - 2026-01-02 03:04:05\n\n"))
				x.Frames(x.reply(Reply{Text: answer})...)
				x.Finished()
			},
			Want: Want{Text: answer},
		},
	}
}

// anyPart begins a Want.Text of which any beginning will do.
const anyPart = "\x00any part of: "

// textFits reports whether a text is the one wanted.
func textFits(got, want string) bool {
	if whole, ok := strings.CutPrefix(want, anyPart); ok {
		return strings.HasPrefix(whole, got)
	}
	return got == want
}

// framings are unusual ways to write a stream that all mean the same.
func framings() []Pathology {
	all := func(x *Exchange) string {
		var b strings.Builder
		for _, f := range x.reply(Reply{Text: answer}) {
			b.Write(f.bytes(x.Protocol))
		}
		return b.String()
	}
	row := func(name, prose string, protocols []string, rewrite func(x *Exchange, s string)) Pathology {
		return Pathology{
			Name: name, Prose: prose, Protocols: protocols,
			Serve: func(x *Exchange) { rewrite(x, all(x)); x.Finished() },
			Want:  Want{Text: answer},
		}
	}
	return []Pathology{
		row("ends lines with CR LF", "Servers written in C# and some proxies.", everyProtocol, func(x *Exchange, s string) {
			x.Raw([]byte(strings.ReplaceAll(s, "\n", "\r\n")))
		}),
		row("ends lines with CR", "The third line end that the event-stream format allows.", eventStreams, func(x *Exchange, s string) {
			x.Raw([]byte(strings.ReplaceAll(s, "\n", "\r")))
		}),
		row("puts comments between its events", "llama-server pings every 30 s; proxies add their own.", eventStreams, func(x *Exchange, s string) {
			x.Raw([]byte(strings.ReplaceAll(s, "\n\n", "\n\n: ping\n\n")))
		}),
		row("leaves out the space after data:", "The format makes it optional.", eventStreams, func(x *Exchange, s string) {
			x.Raw([]byte(strings.ReplaceAll(strings.ReplaceAll(s, "data: ", "data:"), "event: ", "event:")))
		}),
		row("sends ids and retry times", "Fields that mean nothing to us.", eventStreams, func(x *Exchange, s string) {
			x.Raw([]byte("retry: 3000\n\n" + strings.ReplaceAll(s, "data: ", "id: 7\ndata: ")))
		}),
		row("begins with a byte order mark", "Some Windows servers; the event-stream format allows one.", eventStreams, func(x *Exchange, s string) {
			x.Raw([]byte("\uFEFF" + s))
		}),
		row("has no line end behind its last line", "The last event must not be lost.", everyProtocol, func(x *Exchange, s string) {
			x.Raw([]byte(strings.TrimRight(s, "\n")))
		}),
		row("sends one byte at a time", "A slow network in front of a fast server cuts anywhere, also inside a character.", everyProtocol, func(x *Exchange, s string) {
			for i := range len(s) {
				x.Raw([]byte{s[i]})
			}
		}),
		row("sends everything in one piece", "A proxy that buffers.", everyProtocol, func(x *Exchange, s string) {
			x.Raw([]byte(s))
		}),
		row("does not say what it sends", "No Content-Type at all.", everyProtocol, func(x *Exchange, s string) {
			x.w.Header()["Content-Type"] = nil
			x.Raw([]byte(s))
		}),
		row("calls its stream plain text", "Older servers and CGI wrappers.", everyProtocol, func(x *Exchange, s string) {
			x.w.Header().Set("Content-Type", "text/plain")
			x.Raw([]byte(s))
		}),
		{
			Name: "compresses without being asked", Prose: "Caching proxies.", Protocols: everyProtocol,
			Serve: func(x *Exchange) { x.Gzip(x.reply(Reply{Text: answer})); x.Finished() },
			Want:  Want{Text: answer},
		},
		{
			Name: "sends ten megabytes in one line", Prose: "A server that does not stream tool calls or text sends all of it at once.", Protocols: everyProtocol,
			Serve: func(x *Exchange) {
				for _, f := range x.reply(Reply{Text: strings.Repeat("0123456789abcdef", 10<<20/16), Pieces: 10 << 20}) {
					if !strings.HasSuffix(f.Event, ".done") { // once is enough
						x.Frames(f)
					}
				}
				x.Finished()
			},
			Want: Want{Text: strings.Repeat("0123456789abcdef", 10<<20/16)},
		},
		{
			Name: "sends bytes that are not UTF-8", Prose: "Servers that cut tokens inside a character. What cannot be read is shown as the replacement character, and the rest is kept.", Protocols: everyProtocol,
			Serve: func(x *Exchange) {
				for _, f := range x.reply(Reply{Text: "a@b " + answer}) {
					f.Data = strings.ReplaceAll(f.Data, "a@b", "a\xff\xfeb")
					x.Frames(f)
				}
				x.Finished()
			},
			Want: Want{Text: "a\uFFFD\uFFFDb " + answer},
		},
		{
			Name: "sends events and members that nobody knows", Prose: "Every server adds its own, and every version more.", Protocols: everyProtocol,
			Serve: func(x *Exchange) {
				for _, f := range x.reply(Reply{Text: answer}) {
					switch x.Protocol {
					case Responses, Messages:
						x.Frames(Frame{Event: "ping", Data: `{"type":"ping"}`}, Frame{Event: "x.new.thing", Data: `{"type":"x.new.thing","delta":{"type":"x"},"text":"no"}`})
					}
					if f != done {
						f.Data = `{"x_new":[{"deep":null}],` + f.Data[1:]
					}
					x.Frames(f)
				}
				x.Finished()
			},
			Want: Want{Text: answer},
		},
	}
}
