package model_test

import (
	"net/http"
	"testing"
	"time"

	"hearth/model"
)

func FuzzRetryAfter(f *testing.F) {
	f.Add("7", "", "Fri, 21 Nov 2025 18:00:00 GMT", "Please try again in 6m0.5s.")
	f.Add("", "NaN", "", `"retryDelay": "1e300s"`)
	f.Add("2262-04-11T23:47:16Z", "", "Mon, 01 Jan 0001 00:00:00 GMT", "retry after 99999999999999999999h")
	f.Fuzz(func(t *testing.T, after, ms, date, words string) {
		h := http.Header{"Retry-After": {after}, "Retry-After-Ms": {ms}, "Date": {date}}
		if d := model.RetryAfter(h, words, time.Unix(1_750_000_000, 0)); d < 0 || d > 7*24*time.Hour {
			t.Fatalf("wait %v", d)
		}
	})
}
