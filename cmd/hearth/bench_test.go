package main

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"hearth"
	"hearth/agent"
	"hearth/prompt"
	"hearth/session"
)

// BenchmarkTurn is a whole turn of a chat, from a person's line to the end of its answer,
// against a server of its own process that answers at once: a look at the config, the
// session, the prompt, HTTP, the stream, the disk. The transcript grows; what the model is
// sent does not, and so the time should not either.
//
//	own-p50-us, own-p99-us  the whole time without the two that follow
//	flush-p50-us            the commits reaching the disk
//	server-p50-us           from the request being out to the first word of the answer
//	cpu-us                  what the system charged this process for a turn, with the
//	                        garbage collector and the work of the commits
func BenchmarkTurn(b *testing.B) {
	for _, messages := range []int{10, 1_000, 10_000} {
		b.Run(fmt.Sprintf("transcript-%d", messages), func(b *testing.B) {
			k := benchTalk(b, messages)
			var own, flush, server []time.Duration
			b.ReportAllocs()
			var cpu time.Duration
			for n := 0; b.Loop(); n++ {
				if n%50 == 49 {
					b.StopTimer()
					renewEpoch(b, k, messages)
					b.StartTimer()
				}
				began, charged := time.Now(), cpuTime()
				out := lineOfChat(b, k)
				took := time.Since(began)
				cpu += cpuTime() - charged
				disk, wait := k.flushed(), time.Duration(0)
				for _, r := range out.Reports {
					disk, wait = disk+r.Flush, wait+r.Phases.Read
				}
				own, flush, server = append(own, took-disk-wait), append(flush, disk), append(server, wait)
			}
			b.ReportMetric(us(percentile(own, 50)), "own-p50-us")
			b.ReportMetric(us(percentile(own, 99)), "own-p99-us")
			b.ReportMetric(us(percentile(flush, 50)), "flush-p50-us")
			b.ReportMetric(us(percentile(server, 50)), "server-p50-us")
			b.ReportMetric(us(cpu)/float64(b.N), "cpu-us")
		})
	}
}

func us(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }

// BenchmarkStream is what a streamed token costs of this process, sockets and the pipe to
// whoever reads the answer included; the server writes each by itself. When they come
// quicker than they are read, one read finds several. A token a millisecond is what a fast
// server writes, one every 20 ms what a local model does. Two rows are for comparison: a
// hundred conversations at once, and what the stream of a token a millisecond costs a
// program that reads and forgets each line.
func BenchmarkStream(b *testing.B) {
	for _, row := range []struct {
		name, pace string
		tokens     int
	}{
		{"as-fast-as-it-goes", "0s", 1000},
		{"a-token-a-millisecond", "1ms", 1000},
		{"a-token-every-20-ms", "20ms", 500},
	} {
		b.Run(row.name, func(b *testing.B) {
			k := benchTalk(b, 10, "-together", "1", "-pace", row.pace, "-text", strings.Repeat("token ", row.tokens))
			k.io.out = startScreen(b)
			lineOfChat(b, k) // the first asks the server who it is
			var cpu time.Duration
			var allocs uint64
			for n := 0; b.Loop(); n++ {
				if n%10 == 9 {
					b.StopTimer()
					renewEpoch(b, k, 10)
					b.StartTimer()
				}
				charged, made := cpuTime(), allocated()
				lineOfChat(b, k)
				cpu, allocs = cpu+cpuTime()-charged, allocs+allocated()-made
			}
			b.ReportMetric(us(cpu)/float64(b.N*row.tokens), "cpu-us/token")
			b.ReportMetric(float64(allocs)/float64(b.N*row.tokens), "allocs/token")
		})
	}
	b.Run("100-at-once-a-token-every-20-ms", func(b *testing.B) {
		const chats, tokens = 100, 500
		benchHome(b, startServer(b, "-together", strconv.Itoa(chats), "-pace", "20ms", "-text", strings.Repeat("token ", tokens)), chats)
		a, err := benchApp(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		defer a.close()
		a.io.out = startScreen(b)
		talks, err := openTalks(b.Context(), a, chats)
		if err != nil {
			b.Fatal(err)
		}
		defer closeTalks(talks)
		if err := sayAll(b.Context(), talks, tokens); err != nil {
			b.Fatal(err)
		}
		charged := cpuTime()
		for b.Loop() {
			if err := sayAll(b.Context(), talks, tokens); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(us(cpuTime()-charged)/float64(b.N*chats*tokens), "cpu-us/token")
	})
	b.Run("read-and-forgotten", func(b *testing.B) {
		const tokens = 1000
		url := startServer(b, "-together", "1", "-pace", "1ms", "-text", strings.Repeat("token ", tokens))
		charged := cpuTime()
		for b.Loop() {
			forget(b, url)
		}
		b.ReportMetric(us(cpuTime()-charged)/float64(b.N)/tokens, "cpu-us/token")
	})
}

// forget asks for an answer and reads it with net/http alone.
func forget(b *testing.B, url string) {
	body := `{"model":"test-model","stream":true,"messages":[{"role":"user","content":"hi"}]}`
	req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, url+"/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
	}
	if err := lines.Err(); err != nil {
		b.Fatal(err)
	}
}

// allocated counts the allocations of this process so far.
func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Mallocs
}

// lineOfChat does what the chat does with a line that a person typed.
func lineOfChat(b *testing.B, k *talk) agent.Outcome {
	if err := k.reload(b.Context()); err != nil {
		b.Fatal(err)
	}
	out, err := k.say(b.Context(), prompt.Incoming{Text: "hi"}, false, nil)
	if err != nil || out.Answer == "" {
		b.Fatalf("got %+v, %v", out, err)
	}
	return out
}

func percentile(d []time.Duration, p int) time.Duration {
	slices.Sort(d)
	return d[min(len(d)-1, len(d)*p/100)]
}

// counted is a transcript that adds up how long the disk took.
type counted struct {
	session.Transcript
	disk time.Duration
}

func (c *counted) Append(ctx context.Context, commit *session.Commit) (session.Seq, error) {
	seq, err := c.Transcript.Append(ctx, commit)
	if len(commit.Reports) == 0 {
		c.disk += commit.Flush
	}
	return seq, err
}

// flushed gives the time of the flushes that no report tells of, since the last call.
func (k *talk) flushed() time.Duration {
	c, ok := k.t.(*counted)
	if !ok {
		return 0
	}
	d := c.disk
	c.disk = 0
	return d
}

// benchTalk is a conversation with n messages behind it, of which the live epoch holds
// only the newest: about 30,000 tokens at most.
func benchTalk(b *testing.B, n int, server ...string) *talk {
	b.Helper()
	k := chatWith(b, startServer(b, server...))
	fill(b, k, n)
	k.t = &counted{Transcript: k.t}
	return k
}

// liveBytes is what the live epoch holds of words: about 30,000 tokens.
const liveBytes = 120_000

// fill writes n messages, of which the newest hundred at most are the live epoch.
func fill(b *testing.B, k *talk, n int) {
	b.Helper()
	live := min(n, 100)
	if older := filler(b, k, n-live, liveBytes/live); len(older) > 0 {
		if _, err := k.t.Append(b.Context(), &session.Commit{Messages: older}); err != nil {
			b.Fatal(err)
		}
	}
	beginEpoch(b, k, live)
}

// renewEpoch keeps the live epoch as long as it was: what was said since leaves it. A
// short conversation begins anew.
func renewEpoch(b *testing.B, k *talk, n int) {
	b.Helper()
	if n >= 1000 {
		beginEpoch(b, k, 100)
		return
	}
	k.t = k.t.(*counted).Transcript
	if err := (slash{k}).renew(b.Context()); err != nil {
		b.Fatal(err)
	}
	fill(b, k, n)
	k.t = &counted{Transcript: k.t}
}

// filler is n messages of so many bytes.
func filler(b *testing.B, k *talk, n, bytes int) []hearth.Message {
	b.Helper()
	chain, err := k.targets.chain(b.Context(), k.choice)
	if err != nil {
		b.Fatal(err)
	}
	messages := make([]hearth.Message, n)
	for i := range messages {
		m := hearth.Message{ID: hearth.MessageID(newID()), Turn: "t", At: time.Now(), Role: hearth.RoleUser}
		m.Parts = []hearth.Part{{Text: strings.Repeat("words ", bytes/6), Provenance: hearth.FromOwner}}
		if i%2 == 1 {
			m.Role, m.Model = hearth.RoleAssistant, chain[0].Ref
		}
		messages[i] = m
	}
	return messages
}

// beginEpoch begins an epoch with n new messages.
func beginEpoch(b *testing.B, k *talk, n int) {
	b.Helper()
	chain, err := k.targets.chain(b.Context(), k.choice)
	if err != nil {
		b.Fatal(err)
	}
	house, err := k.agentConfig(k.choice, k.kit).House()
	if err != nil {
		b.Fatal(err)
	}
	plan := prompt.NewPlan(chain[0], house, specsOf(k.kit.tools))
	raw, hash, err := plan.Encode()
	if err != nil {
		b.Fatal(err)
	}
	epoch := session.Epoch{Model: chain[0].Ref, Reason: "first", Plan: raw, PlanHash: hash}
	if _, err := k.t.Append(b.Context(), &session.Commit{Messages: filler(b, k, n, liveBytes/n), Epoch: &epoch}); err != nil {
		b.Fatal(err)
	}
}
