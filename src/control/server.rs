//! The server's end of the control socket.

use std::{collections::VecDeque, io, path::Path, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, BufReader},
    net::{
        UnixListener, UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch},
    task::JoinSet,
};

use super::{
    AdminHandler, ControlAnswer, ControlError, HEADER_MAX_BYTES, Header, VERSION, batch, reported, socket_path,
};
use crate::{
    clock::Clock,
    pipeline::Pipeline,
    submission::{Channel, Hints, Submission, is_mail},
    unix_socket::{SocketFile, UnixSocket},
};

/// Commands at the same time.
const CLIENTS_MAX: usize = 16;
/// Requests of one client that are read ahead; they are stored in one transaction where they come fast.
const REQUESTS_AHEAD_MAX: usize = 512;
/// Bytes of the bodies of all clients that are read ahead, unless one body alone is larger.
const BODIES_MAX_BYTES: usize = 64 * 1024 * 1024;
/// A client that does not read its answers for so long is given up.
const ANSWER_DEADLINE: Duration = Duration::from_secs(30);
/// Time for a body after its header.
const BODY_DEADLINE: Duration = Duration::from_secs(30);
/// A client that sends nothing for so long is not loading any more, whatever it does.
const LOAD_IDLE: Duration = Duration::from_secs(60);
/// Pause after a failed accept: out of file descriptors, which the next moment may cure.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The bound socket. Dropping it removes the file.
#[derive(Debug)]
pub struct Control {
    listener: UnixListener,
    _file: SocketFile,
}

impl Control {
    /// Binds `control.sock` in the data directory, readable for its owner only. The caller holds the database, so a socket
    /// that nobody answers at is left from a server that died. Needs a tokio runtime.
    pub fn bind(data: &Path) -> Result<Control, ControlError> {
        let path = socket_path(data)?;
        let socket = UnixSocket::bind(&path, 0o600).map_err(|error| ControlError::from_socket(&path, error))?;
        let listener = UnixListener::from_std(socket.listener).map_err(|error| ControlError::Io { path, error })?;
        Ok(Control { listener, _file: socket.file })
    }

    /// Serves until `stop` turns true or its sender is dropped; then answers what has been read and returns.
    pub async fn run(
        self,
        pipeline: Arc<Pipeline>,
        admin_handler: Arc<dyn AdminHandler>,
        clock: Clock,
        mut stop: watch::Receiver<bool>,
    ) {
        let limits = pipeline.limits();
        let bodies = BODIES_MAX_BYTES.max(limits.report_wire_max_bytes).max(limits.mail_wire_max_bytes);
        let context = Arc::new(Context { pipeline, admin_handler, clock, bodies: Arc::new(Semaphore::new(bodies)) });
        let clients = Arc::new(Semaphore::new(CLIENTS_MAX));
        let mut tasks = JoinSet::new();
        loop {
            let accept = async {
                let permit = Arc::clone(&clients).acquire_owned().await;
                (permit, self.listener.accept().await)
            };
            tokio::select! {
                () = stopped(&mut stop) => break,
                (permit, accepted) = accept => match accepted {
                    Ok((stream, _)) => {
                        let connection = converse(stream, Arc::clone(&context), stop.clone());
                        tasks.spawn(async move {
                            let _permit = permit;
                            connection.await;
                        });
                    }
                    Err(error) => {
                        tracing::warn!(%error, "the control socket could not accept a connection");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
            }
            while tasks.try_join_next().is_some() {}
        }
        while tasks.join_next().await.is_some() {}
    }
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that the sender is gone, which is a stop as well.
    let _ = stop.wait_for(|stop| *stop).await;
}

struct Context {
    pipeline: Arc<Pipeline>,
    admin_handler: Arc<dyn AdminHandler>,
    clock: Clock,
    bodies: Arc<Semaphore>,
}

/// A request that was read: work for the pipeline, or one whose answer is known already.
enum Request {
    Submit(Box<Submission>, OwnedSemaphorePermit),
    Ask(String, Vec<u8>),
    Known(ControlAnswer),
}

async fn converse(stream: UnixStream, context: Arc<Context>, stop: watch::Receiver<bool>) {
    let (read, mut write) = stream.into_split();
    let (sender, mut requests) = mpsc::channel(REQUESTS_AHEAD_MAX);
    let reader = tokio::spawn(read_requests(read, sender, Arc::clone(&context), stop));
    let mut gathered = Vec::new();
    // From the first report to the end of the connection, also where the command dies: nothing is judged by half an import.
    let mut load = None;
    loop {
        let received = {
            let received = requests.recv_many(&mut gathered, REQUESTS_AHEAD_MAX);
            match load {
                None => Some(received.await),
                Some(_) => tokio::time::timeout(LOAD_IDLE, received).await.ok(),
            }
        };
        match received {
            Some(0) => break,
            Some(_) => {}
            None => {
                load = None;
                continue;
            }
        }
        let requests = std::mem::take(&mut gathered);
        if load.is_none() && requests.iter().any(|request| matches!(request, Request::Submit(..))) {
            load = Some(context.pipeline.store().begin_load());
        }
        let context = Arc::clone(&context);
        let Ok(lines) = tokio::task::spawn_blocking(move || context.answer(requests)).await else { break };
        if !send(&mut write, &lines).await {
            break;
        }
    }
    reader.abort();
}

async fn send(write: &mut OwnedWriteHalf, lines: &[u8]) -> bool {
    matches!(tokio::time::timeout(ANSWER_DEADLINE, write.write_all(lines)).await, Ok(Ok(())))
}

/// Reads until the client is done, the server stops, or a request cannot be understood, which ends the connection because
/// nothing after it can be trusted to be a request.
async fn read_requests(
    read: OwnedReadHalf,
    requests: mpsc::Sender<Request>,
    context: Arc<Context>,
    mut stop: watch::Receiver<bool>,
) {
    let mut read = BufReader::new(read);
    loop {
        let request = tokio::select! {
            biased;
            () = stopped(&mut stop) => return,
            request = read_request(&mut read, &context) => request,
        };
        match request {
            Ok(Some(request)) => {
                if requests.send(request).await.is_err() {
                    return;
                }
            }
            Ok(None) => return,
            Err(error) => {
                let _ = requests.send(Request::Known(ControlAnswer::Error { detail: error.to_string() })).await;
                return;
            }
        }
    }
}

async fn read_request(read: &mut BufReader<OwnedReadHalf>, context: &Context) -> io::Result<Option<Request>> {
    let length = match read.read_u32().await {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        length => length? as usize,
    };
    if length > HEADER_MAX_BYTES {
        return Err(invalid(format!("a header of {length} bytes; at most {HEADER_MAX_BYTES}")));
    }
    let mut header = vec![0; length];
    read.read_exact(&mut header).await?;
    let header: Header = serde_json::from_slice(&header).map_err(|error| invalid(format!("bad header: {error}")))?;
    if header.version != VERSION {
        return Err(invalid(format!("version {} is not spoken here, but {VERSION}", header.version)));
    }
    let limits = context.pipeline.limits();
    let (limit, key) = match is_mail(Channel::Import, header.media_type.as_deref()) {
        true => (limits.mail_wire_max_bytes, "mail_wire_max_bytes"),
        false => (limits.report_wire_max_bytes, "report_wire_max_bytes"),
    };
    if header.bytes > limit as u64 {
        return Err(invalid(format!("a body of {} bytes; `limits.{key}` is {limit}", header.bytes)));
    }
    let bytes = header.bytes as usize;
    let permit = Arc::clone(&context.bodies)
        .acquire_many_owned(bytes as u32)
        .await
        .map_err(|_| invalid("the server is shutting down".to_owned()))?;
    let mut body = vec![0; bytes];
    // Until it is complete it takes room from other clients.
    tokio::time::timeout(BODY_DEADLINE, read.read_exact(&mut body))
        .await
        .map_err(|_| invalid(format!("the body was not complete within {} s", BODY_DEADLINE.as_secs())))??;
    Ok(Some(context.request(header, body, permit)))
}

fn invalid(detail: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, detail)
}

impl Context {
    fn request(&self, header: Header, body: Vec<u8>, permit: OwnedSemaphorePermit) -> Request {
        let error = |detail: String| Request::Known(ControlAnswer::Error { detail });
        match header.command.as_str() {
            "hello" => Request::Known(ControlAnswer::Hello {
                version: VERSION,
                program: concat!("tlsight ", env!("CARGO_PKG_VERSION")).to_owned(),
                report_wire_max_bytes: self.pipeline.limits().report_wire_max_bytes,
                mail_wire_max_bytes: Some(self.pipeline.limits().mail_wire_max_bytes),
            }),
            // Whoever reaches the socket can write into the data directory: the operator's trust, and no other.
            "submit" if header.channel.as_deref() == Some(Channel::Import.as_str()) => {
                let hints = Hints {
                    media_type: header.media_type,
                    source: header.source,
                    trusted_input: header.trusted_input,
                    ..Hints::default()
                };
                let received_at = self.clock.now();
                let submission = Submission { bytes: body, channel: Channel::Import, peer: None, received_at, hints };
                Request::Submit(Box::new(submission), permit)
            }
            "submit" => error(format!("channel {:?} is not taken here", header.channel.unwrap_or_default())),
            _ => Request::Ask(header.command, body),
        }
    }

    /// One line for each request, in order.
    fn answer(&self, requests: Vec<Request>) -> Vec<u8> {
        let mut answers: Vec<Option<ControlAnswer>> = Vec::with_capacity(requests.len());
        let mut submissions = VecDeque::new();
        let mut permits = Vec::new();
        for request in requests {
            match request {
                Request::Known(answer) => answers.push(Some(answer)),
                Request::Ask(command, body) => answers.push(Some(self.ask(&command, &body))),
                Request::Submit(submission, permit) => {
                    submissions.push_back(*submission);
                    permits.push(permit);
                    answers.push(None);
                }
            }
        }
        let mut receipts = self.take(submissions).into_iter();
        let mut lines = Vec::new();
        for answer in answers {
            let lost = || ControlAnswer::Error { detail: "the store gave no answer".to_owned() };
            let answer = answer.or_else(|| receipts.next()).unwrap_or_else(lost);
            // Plain structs of text and numbers: writing them to memory cannot fail.
            let _ = serde_json::to_writer(&mut lines, &answer);
            lines.push(b'\n');
        }
        lines
    }

    fn ask(&self, command: &str, body: &[u8]) -> ControlAnswer {
        match self.admin_handler.ask(command, body) {
            Some(Ok(value)) => ControlAnswer::Said { value },
            Some(Err(detail)) => ControlAnswer::Error { detail },
            None => ControlAnswer::Error { detail: format!("unknown command {command:?}") },
        }
    }

    fn take(&self, mut submissions: VecDeque<Submission>) -> Vec<ControlAnswer> {
        let mut answers = Vec::with_capacity(submissions.len());
        while !submissions.is_empty() {
            let prepared = batch::batch(&mut submissions, |submission| {
                let prepared = self.pipeline.prepare(submission, None);
                let weight = prepared.weight_bytes();
                (prepared, weight)
            });
            let receipts = self.pipeline.store_blocking(prepared);
            answers.extend(receipts.iter().map(|receipt| ControlAnswer::Receipt { outcomes: reported(receipt) }));
        }
        answers
    }
}
