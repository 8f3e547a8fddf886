//go:build !unix

package file

import "os"

// flush does nothing: Windows cannot flush a folder, and NTFS journals renames.
func flush(*os.Root, string) error { return nil }
