FROM python:3.12-slim
WORKDIR /app
COPY requirements.txt ./
RUN pip install --no-cache-dir -r requirements.txt
COPY app.py ./
COPY videomae_demo videomae_demo
COPY assets assets
ENV GRADIO_SERVER_NAME=0.0.0.0 HF_HOME=/cache
VOLUME /cache
EXPOSE 7860
CMD ["python", "app.py"]
