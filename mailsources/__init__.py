"""The incoming side: e-mail sources and the ledger of everything a mailbox ever showed."""
