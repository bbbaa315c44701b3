import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.openapitools.client.ApiClient;
import org.openapitools.client.ApiException;
import org.openapitools.client.api.ChatsApi;
import org.openapitools.client.api.MessagesApi;
import org.openapitools.client.model.ChatCreate;
import org.openapitools.client.model.Message;
import org.openapitools.client.model.MessageCreate;
import org.openapitools.client.model.MessageUpdate;
import org.openapitools.client.model.ProblemDetails;

/** Drives the service by the client that openapi-generator makes for Java: `Drive URL KEY`. */
class Drive {
    static final ObjectMapper JSON = ApiClient.createDefaultObjectMapper();

    interface Call {
        void make() throws ApiException;
    }

    public static void main(String[] arguments) throws Exception {
        var api = new ApiClient(ApiClient.createDefaultHttpClientBuilder(), JSON, arguments[0]);
        api.setRequestInterceptor(request -> request.header("Authorization", "Bearer " + arguments[1]));
        var chats = new ChatsApi(api);
        var messages = new MessagesApi(api);

        var chat = chats.createChat(new ChatCreate().title("Weekend plans"), null);
        String emoji = "😀".repeat(3000);
        var first = new MessageCreate().text(emoji).author("Ada");
        var sent = messages.createMessage(chat.getId(), first, "a-key");
        var again = messages.createMessage(chat.getId(), first, "a-key");
        for (String text : List.of("one", "two")) {
            var message = new MessageCreate().text(text).metadata(Map.of("n", List.of(1)));
            messages.createMessage(chat.getId(), message, null);
        }

        var listed = new ArrayList<Integer>();
        long after = 0;
        List<Message> page;
        while (!(page = messages.listChatMessages(chat.getId(), 2, null, after, null)).isEmpty()) {
            for (Message message : page) {
                listed.add(message.getText().codePointCount(0, message.getText().length()));
                after = message.getId();
            }
        }

        var change = new MessageUpdate().text("Edited");
        var edited = messages.updateChatMessage(chat.getId(), sent.getId(), change, null);
        var read = messages.readChatMessage(chat.getId(), sent.getId(), null);
        messages.deleteChatMessage(chat.getId(), sent.getId(), null);

        var gone = problemOf(() -> messages.readChatMessage(chat.getId(), sent.getId(), null));
        var nothing = new MessageCreate().text("\u200b");
        var invalid = problemOf(() -> messages.createMessage(chat.getId(), nothing, null));
        var error = invalid.getErrors().get(0);
        JSON.writeValue(System.out, Map.of(
            "title", chat.getTitle(),
            "replayed", sent.getId().equals(again.getId()) && sent.getText().equals(emoji),
            "listed", listed,
            "edited", List.of(
                edited.getText(), read.getText(), read.getAuthor(), read.getEditedAt() != null),
            "gone", List.of(gone.getStatus(), gone.getType(), !gone.getRequestId().isEmpty()),
            "invalid", List.of(invalid.getType(), error.getLocation(), error.getCode())));
    }

    /** Returns the problem that the call ends in. */
    static ProblemDetails problemOf(Call call) throws Exception {
        try {
            call.make();
        } catch (ApiException error) {
            return JSON.readValue(error.getResponseBody(), ProblemDetails.class);
        }
        throw new IllegalStateException("no problem");
    }
}
