package probe

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"hearth/model"
)

// Search says where Discover looks. The zero value looks at the usual places of this machine.
type Search struct {
	// Bases are the addresses to look at; nil = this machine's Ports.
	Bases []string
	// Ports are looked at on 127.0.0.1, and on ::1 where nothing answers there; nil = the
	// usual ones.
	Ports []string
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
	"1234",  // LM Studio
	"11434", // Ollama
	"8080",  // llama.cpp, MLX, LocalAI, llama-swap
	"10240", // MLX
	"8000",  // vLLM
	"30000", // SGLang
	"4000",  // LiteLLM
}

// Discover looks for model servers, all places at once. What answers but is no model
// server is left out; what takes a connection and says nothing is given as Mute, since
// a server that answers one question at a time does so while it works. Nothing is changed,
// loaded or started.
func Discover(ctx context.Context, s Search) []Host {
	if s.Client == nil {
		s.Client = loopback
	}
	var places [][]string
	for _, base := range s.Bases {
		places = append(places, []string{base})
	}
	if s.Ports == nil {
		s.Ports = usual
	}
	if s.Bases == nil {
		for _, port := range s.Ports {
			places = append(places, []string{"http://127.0.0.1:" + port, "http://[::1]:" + port})
		}
	}
	found := make([]*Host, len(places))
	var all sync.WaitGroup
	for i, bases := range places {
		all.Go(func() { found[i] = s.first(ctx, bases) })
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

// first gives the server at the first of some addresses of one port where one answers,
// else one that is mute. A server may listen at all of them, and is asked at one.
func (s Search) first(ctx context.Context, bases []string) *Host {
	if len(bases) == 0 {
		return nil
	}
	others := make(chan bool, 1) // whether it is worth asking them; known by then, where refusing takes time
	go func() {
		others <- slices.ContainsFunc(bases[1:], func(base string) bool { return s.accepts(ctx, base) })
	}()
	h := s.look(ctx, bases[0])
	if there := <-others; !there || h != nil && !h.Mute {
		return h
	}
	if other := s.first(ctx, bases[1:]); h == nil || other != nil && !other.Mute {
		return other
	}
	return h
}

// look asks at one address.
func (s Search) look(ctx context.Context, base string) *Host {
	client, err := s.Client(base)
	if err != nil {
		return nil
	}
	defer client.CloseIdle()
	a := newAsker(client, s.timeout())
	h, err := a.host(ctx)
	switch {
	case err == nil && !h.NoModels:
		return &h
	case err != nil && isLate(err) && s.accepts(ctx, base):
		return &Host{Kind: KindUnknown, Root: a.root(), Mute: true}
	}
	return nil
}

// accepts reports whether somebody at an address takes a connection.
func (s Search) accepts(ctx context.Context, base string) bool {
	client, err := s.Client(base)
	if err != nil {
		return false
	}
	defer client.CloseIdle()
	ctx, cancel := context.WithTimeout(ctx, s.timeout())
	defer cancel()
	return client.Accepts(ctx)
}

func isLate(err error) bool {
	var late interface{ Timeout() bool }
	return errors.As(err, &late) && late.Timeout()
}

func (s Search) timeout() time.Duration { return cmp.Or(s.Timeout, time.Second) }

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
// anywhere, nor one that runs in a cloud. memory is as in Host.Rank.
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
		if ranked := host.Rank(memory); len(ranked) > 0 {
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
