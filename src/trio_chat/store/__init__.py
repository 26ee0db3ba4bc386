"""The log and the records behind the chat: `api` has the Protocols and the promises of every back
end, `opening` chooses the back end."""
