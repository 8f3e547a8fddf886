// Package hostile holds the real program against servers that misbehave and against
// kill -9. Its golden files state, word for word, what a person sees of each row of
// model/modeltest: standard output, standard error, exit code. After a change of words,
//
//	go test ./test/hostile -update
//
// writes them anew, and the diff is what there is to review.
package hostile
