package localbatch

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// LoadOrCreateKey reads the account key kept in dataDir/account.key, and makes
// a random one there, readable by its owner alone, when there is none. A fixed
// key would let every web page run commands here.
func LoadOrCreateKey(dataDir string) (string, error) {
	path := filepath.Join(dataDir, "account.key")
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return createKey(path)
	}
	if err != nil {
		return "", fmt.Errorf("read the Batch account's key: %w", err)
	}
	if err := makePrivate(path); err != nil {
		return "", fmt.Errorf("keep the Batch account's key from other users: %w", err)
	}
	key := strings.TrimSpace(string(text))
	if decoded, err := base64.StdEncoding.DecodeString(key); err != nil || len(decoded) == 0 {
		return "", fmt.Errorf("%s does not hold a base64 key; remove the file to get a new one", path)
	}
	return key, nil
}

func createKey(path string) (string, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", fmt.Errorf("store the Batch account's key: %w", err)
	}
	random := make([]byte, 64) // as long as Azure's own
	rand.Read(random)          // never fails
	key := base64.StdEncoding.EncodeToString(random)
	temporary := path + ".new"
	_ = os.Remove(temporary) // one that a crash has left would keep its mode
	if err := os.WriteFile(temporary, []byte(key+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("store the Batch account's key: %w", err)
	}
	if err := os.Rename(temporary, path); err != nil {
		return "", fmt.Errorf("store the Batch account's key: %w", err)
	}
	return key, nil
}

// makePrivate takes a file that was copied here, or lay open otherwise, from
// other users.
func makePrivate(path string) error {
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm()&0o077 == 0 {
		return err
	}
	return os.Chmod(path, 0o600)
}
