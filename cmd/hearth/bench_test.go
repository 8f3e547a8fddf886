package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"hearth"
	"hearth/model/modeltest"
	"hearth/prompt"
	"hearth/session"
)

// BenchmarkTurn is a whole turn against a server that answers at once: config, session,
// prompt, HTTP, stream, disk. own-p50-us is the gateway's own time without the flushes
// of the disk, which are shown apart. The transcript grows; what the model is sent does
// not, and so the own time should not either.
func BenchmarkTurn(b *testing.B) {
	for _, messages := range []int{10, 1_000, 10_000} {
		b.Run(fmt.Sprintf("transcript-%d", messages), func(b *testing.B) {
			k := benchTalk(b, messages)
			var own, flush []time.Duration
			b.ReportAllocs()
			p := newPresenter(k.io, true)
			defer p.Close()
			for n := 0; b.Loop(); n++ {
				if n%100 == 99 { // keep the live epoch as long as it was
					b.StopTimer()
					renewEpoch(b, k)
					b.StartTimer()
				}
				began := time.Now()
				out, err := k.turn(b.Context(), prompt.Incoming{Text: "hi"}, p, nil)
				if err != nil || out.Answer == "" {
					b.Fatalf("got %+v, %v", out, err)
				}
				took := time.Since(began)
				var disk time.Duration
				for _, r := range out.Reports {
					disk += r.Flush
				}
				disk += k.flushed()
				own, flush = append(own, took-disk), append(flush, disk)
			}
			b.ReportMetric(float64(percentile(own, 50).Microseconds()), "own-p50-us")
			b.ReportMetric(float64(percentile(own, 99).Microseconds()), "own-p99-us")
			b.ReportMetric(float64(percentile(flush, 50).Microseconds()), "flush-p50-us")
		})
	}
}

// BenchmarkStream is what a streamed token costs, sockets included on our side and the
// server's.
func BenchmarkStream(b *testing.B) {
	const tokens = 2000
	k := benchTalk(b, 10, modeltest.Instant(modeltest.Reply{Text: strings.Repeat("token ", tokens)}))
	p := newPresenter(k.io, true)
	defer p.Close()
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		if n%10 == 9 {
			b.StopTimer()
			renewEpoch(b, k)
			b.StartTimer()
		}
		if _, err := k.turn(b.Context(), prompt.Incoming{Text: "hi"}, p, nil); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/tokens, "us/token")
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
func benchTalk(b *testing.B, n int, behaviour ...modeltest.Behaviour) *talk {
	b.Helper()
	server := modeltest.NewServer(b, modeltest.Config{Window: 1 << 20})
	if behaviour == nil {
		behaviour = []modeltest.Behaviour{modeltest.Instant(modeltest.Reply{Text: "Hello there."})}
	}
	server.Always(behaviour[0])
	home := b.TempDir()
	b.Setenv("HEARTH_HOME", home)
	b.Setenv("HEARTH_DISCOVER", discoveryOff)
	config := fmt.Sprintf(`{models:{providers:{local:{baseUrl:%q,models:[{id:"test-model",contextWindow:1000000}]}}}}`, server.URL+"/v1")
	if err := os.WriteFile(filepath.Join(home, "hearth.json"), []byte(config), 0o600); err != nil {
		b.Fatal(err)
	}
	a, err := newApp(b.Context(), streams{in: strings.NewReader(""), out: &strings.Builder{}, err: &strings.Builder{}, getenv: os.Getenv, terminal: -1}, &options{})
	if err != nil {
		b.Fatal(err)
	}
	k, err := a.open(b.Context(), choice{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { k.close(); a.close() })
	fill(b, k, n)
	k.t = &counted{Transcript: k.t}
	return k
}

// fill writes n messages and begins the live epoch.
func fill(b *testing.B, k *talk, n int) {
	b.Helper()
	chain, err := k.chain(b.Context(), k.choice)
	if err != nil {
		b.Fatal(err)
	}
	ref := chain[0].Ref
	var commit session.Commit
	for i := range n {
		m := hearth.Message{ID: hearth.MessageID(newID()), Turn: "t", At: time.Now(), Role: hearth.RoleUser}
		m.Parts = []hearth.Part{{Text: strings.Repeat("words ", 200), Provenance: hearth.FromOwner}}
		if i%2 == 1 {
			m.Role, m.Model = hearth.RoleAssistant, ref
		}
		commit.Messages = append(commit.Messages, m)
	}
	if _, err := k.t.Append(b.Context(), &commit); err != nil {
		b.Fatal(err)
	}
	renewEpoch(b, k)
}

// renewEpoch begins an epoch with the newest hundred messages.
func renewEpoch(b *testing.B, k *talk) {
	b.Helper()
	chain, err := k.chain(b.Context(), k.choice)
	if err != nil {
		b.Fatal(err)
	}
	house, err := k.agentConfig(k.choice, k.kit).House()
	if err != nil {
		b.Fatal(err)
	}
	plan := prompt.NewPlan(chain[0], house, k.kit.specs())
	raw, hash, err := plan.Encode()
	if err != nil {
		b.Fatal(err)
	}
	first := session.Seq(max(1, k.t.Info().Messages-99)) // 100 messages of about 1,200 bytes
	epoch := session.Epoch{Model: chain[0].Ref, FirstSeq: first, Reason: "first", Plan: raw, PlanHash: hash}
	if _, err := k.t.Append(b.Context(), &session.Commit{Epoch: &epoch}); err != nil {
		b.Fatal(err)
	}
}
