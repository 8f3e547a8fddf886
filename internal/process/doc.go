// Package process starts programs that end with everything they started, and gives them
// an environment without the owner's secrets.
//
// A Group is a session of its own on Unix and a job on Windows. On Linux and Windows the
// system ends it with the program that started it, however that ends; elsewhere Born
// tells later whether a program with that number is still the same one.
package process
