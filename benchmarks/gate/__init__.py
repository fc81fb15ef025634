"""The proof of `bench gate`: epochs of real servers, decisions drawn from them, and other tools' rules on them."""
