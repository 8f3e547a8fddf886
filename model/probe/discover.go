package probe

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"hearth/model"
)

// Search says where Discover looks. The zero value looks at the usual places of this machine.
type Search struct {
	// Bases are the addresses to look at; nil = the usual ports of 127.0.0.1.
	Bases []string
	// Client gives the client for a base; nil = one without a credential, which netguard
	// keeps on this machine.
	Client func(base string) (*model.Client, error)
	// Timeout bounds each question; 0 = 1 s: whoever listens on this machine answers at
	// once, or is busy and can be named by its owner.
	Timeout time.Duration
}

// usual are the ports on which model servers listen when nobody says otherwise, in the
// order in which their servers are preferred.
var usual = []string{
	"http://127.0.0.1:1234",  // LM Studio
	"http://127.0.0.1:11434", // Ollama
	"http://127.0.0.1:8080",  // llama.cpp, MLX, LocalAI, llama-swap
	"http://127.0.0.1:10240", // MLX
	"http://127.0.0.1:8000",  // vLLM
	"http://127.0.0.1:30000", // SGLang
	"http://127.0.0.1:4000",  // LiteLLM
}

// Discover looks for model servers, all places at once. What answers but is no model
// server is left out. Nothing is changed, loaded or started.
func Discover(ctx context.Context, s Search) []Host {
	if s.Bases == nil {
		s.Bases = usual
	}
	if s.Client == nil {
		s.Client = loopback
	}
	found := make([]*Host, len(s.Bases))
	var all sync.WaitGroup
	for i, base := range s.Bases {
		all.Go(func() {
			client, err := s.Client(base)
			if err != nil {
				return
			}
			defer client.CloseIdle()
			h, err := newAsker(client, cmp.Or(s.Timeout, time.Second)).host(ctx)
			if err == nil && !h.NoModels {
				found[i] = &h
			}
		})
	}
	all.Wait()
	var out []Host
	for _, h := range found {
		if h != nil {
			out = append(out, *h)
		}
	}
	return out
}

// loopback gives a client that reaches this machine only: nobody has allowed more.
func loopback(base string) (*model.Client, error) {
	at, err := model.ParseEndpoint(base)
	if err != nil {
		return nil, err
	}
	return model.NewClient(model.ClientConfig{Endpoint: at}), nil
}

// Choose picks the model to begin with: the best one of the first server that has one,
// servers with a loaded model first. It never picks LiteLLM, whose models may be
// anywhere, nor one that runs in a cloud. memory is as in Rank.
func Choose(hosts []Host, memory int64) (h Host, m Model, ok bool) {
	type pick struct {
		host  Host
		model Model
	}
	var picks []pick
	for _, host := range hosts {
		if host.Kind == KindLiteLLM {
			continue
		}
		if ranked := Rank(host.Models, memory); len(ranked) > 0 {
			picks = append(picks, pick{host, ranked[0]})
		}
	}
	if len(picks) == 0 {
		return Host{}, Model{}, false
	}
	slices.SortStableFunc(picks, func(a, b pick) int {
		return first(isTrue(a.model.Resident), isTrue(b.model.Resident))
	})
	return picks[0].host, picks[0].model, true
}
