"""Every number of the format, with its reason. Checked before anything is spent."""

KIB = 1 << 10
MIB = 1 << 20
GIB = 1 << 30

# --- fixed by format version 1 ---
CHUNK_BYTES = 65_536  # libsodium's best speed; one lost chunk is found after 64 KiB
CHUNK_OVERHEAD = 16  # Poly1305 tag
MAX_HEADER_LINE_BYTES = 16 * KIB
MAX_MAGIC_LINE_BYTES = 64
MAX_SLOTS = 16
MAX_BLOCK_BYTES = 4 * MIB  # raw; what a reader must be able to hold at once
MAX_PACKED_BYTES = MAX_BLOCK_BYTES + 64 * KIB  # zstd makes nothing longer by more
# Rows are made and looked at in pieces that fit the caches of a processor: with pieces of 1 MiB the
# same steps took half as long again.
PIECE_BYTES = 96 * KIB
# What the writer aims at: for each block threads wait for each other. 3 MiB gained nothing more.
BLOCK_TARGET_BYTES = 2 * MIB

# --- key derivation: Argon2id ---
KDF_OPS_RANGE = (1, 8)
KDF_MEM_RANGE = (8 * MIB, 512 * MIB)
KDF_OPS = 3  # libsodium "moderate": about a second and 256 MiB for every guess
KDF_MEM_BYTES = 256 * MIB

# --- what is accepted ---
MAX_UNPACKED_BYTES = 8 * GIB
MAX_RATIO = 200  # unpacked : packed, counted once more than RATIO_FREE_BYTES were unpacked
RATIO_FREE_BYTES = 64 * MIB
MAX_JSON_DEPTH = 32
MAX_VALUE_BYTES = 1 * MIB  # config objects and config key values, UTF-8
MAX_ICON_BYTES = 256 * KIB
MAX_NAME_CHARS = 120
MAX_DESCRIPTION_CHARS = 2_000
MAX_NUMBER_CHARS = 64
MAX_POSITION = 2**31 - 1

MAX_ROWS = {
    "plugins": 2_000,
    "plugin_permissions": 100_000,
    "plugin_mappings": 100_000,
    "assets": 20_000,
    "workspaces": 20_000,
    "applications": 200_000,
    "profiles": 5_000,
    "profile_workspaces": 500_000,
    "profile_roles": 20_000,
    "toolbar": 2_000,
    "config_keys": 5_000_000,
}
